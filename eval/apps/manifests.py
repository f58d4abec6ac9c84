"""From an app to the Kubernetes objects that deploy it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from eval.apps.model import App, Service

Manifest = dict[str, Any]


def manifests(app: App) -> list[Manifest]:
    """Return all objects of the app, in an order in which they can be created."""
    result: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": app.namespace}}
    ]
    result += [
        _object("v1", "ConfigMap", app, name, data=dict(data))
        for name, data in app.config_maps.items()
    ]
    for name, values in app.secrets.items():
        encoded = {key: base64.b64encode(v.encode()).decode() for key, v in values.items()}
        result.append(_object("v1", "Secret", app, name, type="Opaque", data=encoded))
    for claim, size in app.volumes.items():
        result += [_volume(app, claim, size), _claim(app, claim, size)]
    result += [service_manifest(app, s) for s in app.services.values() if s.ports]
    result += [deployment_manifest(app, s) for s in app.services.values()]
    return result


def service_manifest(app: App, service: Service) -> Manifest:
    """Return the Service of one of the app's services."""
    ports = [
        {
            "name": port.name or str(port.port),
            "port": port.port,
            "targetPort": port.port,
            "protocol": port.protocol,
        }
        for port in service.ports
    ]
    spec = {"selector": {app.label: service.name}, "ports": ports}
    body = _object("v1", "Service", app, service.name, spec=spec)
    body["metadata"]["labels"] = {app.label: service.name}
    return body


def deployment_manifest(app: App, service: Service) -> Manifest:
    """Return the Deployment of one of the app's services."""
    labels = {app.label: service.name, **service.labels}
    spec: Manifest = {
        "replicas": service.replicas,
        "selector": {"matchLabels": {app.label: service.name}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [_container(service)], **_pod_volumes(service)},
        },
    }
    body = _object("apps/v1", "Deployment", app, service.name, spec=spec)
    body["metadata"]["labels"] = labels
    return body


def _container(service: Service) -> Manifest:
    container: Manifest = {"name": service.container_name, "image": service.image}
    if service.command:
        container["command"] = list(service.command)
    if service.args:
        container["args"] = list(service.args)
    if service.env:
        container["env"] = [{"name": k, "value": v} for k, v in service.env.items()]
    if service.ports:
        container["ports"] = [
            {"containerPort": port.port, "protocol": port.protocol} for port in service.ports
        ]
    resources = {
        key: dict(value)
        for key, value in (("requests", service.requests), ("limits", service.limits))
        if value
    }
    if resources:
        container["resources"] = resources
    if service.readiness:
        container["readinessProbe"] = dict(service.readiness)
    if service.liveness:
        container["livenessProbe"] = dict(service.liveness)
    if service.mounts:
        container["volumeMounts"] = [
            {"name": m.claim or m.config_map, "mountPath": m.path} for m in service.mounts
        ]
    return container


def _pod_volumes(service: Service) -> Manifest:
    volumes = [
        {"name": m.claim, "persistentVolumeClaim": {"claimName": m.claim}}
        if m.claim
        else {"name": m.config_map, "configMap": {"name": m.config_map}}
        for m in service.mounts
    ]
    return {"volumes": volumes} if volumes else {}


def _volume(app: App, claim: str, size: str) -> Manifest:
    base = claim.removesuffix("-pvc")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{base}-pv"},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": f"{base}-storage",
            "hostPath": {"path": f"/data/volumes/{base}-pv", "type": "DirectoryOrCreate"},
        },
    }


def _claim(app: App, claim: str, size: str) -> Manifest:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": f"{claim.removesuffix('-pvc')}-storage",
        "resources": {"requests": {"storage": size}},
    }
    return _object("v1", "PersistentVolumeClaim", app, claim, spec=spec)


def _object(api: str, kind: str, app: App, name: str, **body: Any) -> Manifest:
    metadata: Mapping[str, Any] = {"name": name, "namespace": app.namespace}
    return {"apiVersion": api, "kind": kind, "metadata": dict(metadata), **body}
