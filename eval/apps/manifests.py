"""From an app to the Kubernetes objects that deploy it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from eval.apps.certificates import self_signed
from eval.apps.model import App, CronJob, Ingress, Service
from eval.apps.workloads import Manifest, named, workload_manifest

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Pod"})
"""The kinds that an app's services become."""

_NEWEST = 31


def manifests(app: App, *, minor: int = _NEWEST) -> list[Manifest]:
    """Return all objects of the app, in an order in which they can be created.

    `minor` is the server's minor version: from 1.20 on every API server takes them.
    """
    result: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": app.namespace}}
    ]
    result += [
        named("v1", "ConfigMap", app, name, data=dict(data))
        for name, data in app.config_maps.items()
    ]
    result += [_secret(app, name, values) for name, values in app.secrets.items()]
    result += _certificates(app)
    result += _storage(app)
    result += _access(app)
    services = app.services.values()
    result += [service_manifest(app, s) for s in services if s.ports]
    result += [workload_manifest(app, s) for s in services]
    result += [_autoscaler(app, s) for s in services if s.autoscale]
    result += [_disruption_budget(app, s, minor) for s in services if s.min_available]
    result += [_cron_job(app, name, job, minor) for name, job in app.cron_jobs.items()]
    result += [_ingress(app, name, ingress) for name, ingress in app.ingresses.items()]
    return result


def service_manifest(app: App, service: Service) -> Manifest:
    """Return the Service of one of the app's services."""
    ports = [
        {
            "name": port.name or str(port.port),
            "port": port.port,
            "targetPort": port.number,
            "protocol": port.protocol,
        }
        for port in service.ports
    ]
    spec: Manifest = {"selector": {app.label: service.name}, "ports": ports}
    if service.headless:
        spec["clusterIP"] = "None"
    body = named("v1", "Service", app, service.name, spec=spec)
    body["metadata"]["labels"] = {app.label: service.name}
    return body


def _secret(app: App, name: str, values: Mapping[str, str]) -> Manifest:
    encoded = {key: base64.b64encode(v.encode()).decode() for key, v in values.items()}
    kind = "kubernetes.io/tls" if {"tls.crt", "tls.key"} <= set(values) else "Opaque"
    return named("v1", "Secret", app, name, type=kind, data=encoded)


def _certificates(app: App) -> Iterator[Manifest]:
    """A self-signed certificate for every Ingress whose Secret the app does not bring itself."""
    for ingress in app.ingresses.values():
        if ingress.tls and ingress.tls not in app.secrets:
            certificate, key = self_signed(ingress.host)
            yield _secret(app, ingress.tls, {"tls.crt": certificate, "tls.key": key})


def _storage(app: App) -> Iterator[Manifest]:
    """Volumes on the nodes' disks, with their claims; a StatefulSet makes its claims itself."""
    sets = {
        mount.claim: service.replicas
        for service in app.services.values()
        if service.kind == "StatefulSet"
        for mount in service.mounts
        if mount.claim
    }
    for claim, size in app.volumes.items():
        base = claim.removesuffix("-pvc")
        if claim in sets:
            for ordinal in range(sets[claim]):
                yield _volume(f"{base}-pv-{ordinal}", f"{base}-storage", size)
        else:
            yield _volume(f"{base}-pv", f"{base}-storage", size)
            spec = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": f"{base}-storage",
                "resources": {"requests": {"storage": size}},
            }
            yield named("v1", "PersistentVolumeClaim", app, claim, spec=spec)


def _volume(name: str, storage_class: str, size: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": storage_class,
            "hostPath": {"path": f"/data/volumes/{name}", "type": "DirectoryOrCreate"},
        },
    }


def _access(app: App) -> Iterator[Manifest]:
    """The service accounts of pods whose init containers read ConfigMaps, and their right to do so."""
    for service in app.services.values():
        reads = sorted({init.reads for init in service.init if init.reads})
        if not reads:
            continue
        yield named("v1", "ServiceAccount", app, service.name)
        rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": reads, "verbs": ["get"]}  # fmt: skip
        group, role = "rbac.authorization.k8s.io", f"{service.name}-config-reader"
        yield named(f"{group}/v1", "Role", app, role, rules=[rule])
        subject = {"kind": "ServiceAccount", "name": service.name, "namespace": app.namespace}
        reference = {"apiGroup": group, "kind": "Role", "name": role}
        yield named(f"{group}/v1", "RoleBinding", app, role, subjects=[subject], roleRef=reference)


def _autoscaler(app: App, service: Service) -> Manifest:
    scale = service.autoscale
    assert scale is not None
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": service.kind, "name": service.name},
        "minReplicas": scale.min_replicas,
        "maxReplicas": scale.max_replicas,
        "targetCPUUtilizationPercentage": scale.cpu_percent,
    }
    return named("autoscaling/v1", "HorizontalPodAutoscaler", app, service.name, spec=spec)


def _disruption_budget(app: App, service: Service, minor: int) -> Manifest:
    spec = {
        "minAvailable": service.min_available,
        "selector": {"matchLabels": {app.label: service.name}},
    }
    api = "policy/v1" if minor >= 21 else "policy/v1beta1"
    return named(api, "PodDisruptionBudget", app, service.name, spec=spec)


def _cron_job(app: App, name: str, job: CronJob, minor: int) -> Manifest:
    container: Manifest = {"name": name, "image": job.image}
    if job.command:
        container["command"] = list(job.command)
    template = {
        "metadata": {"labels": {app.label: name}},
        "spec": {"containers": [container], "restartPolicy": "Never"},
    }
    spec: dict[str, Any] = {
        "schedule": job.schedule,
        "concurrencyPolicy": "Forbid",
        "jobTemplate": {"spec": {"backoffLimit": 2, "template": template}},
    }
    api = "batch/v1" if minor >= 21 else "batch/v1beta1"
    return named(api, "CronJob", app, name, spec=spec)


def _ingress(app: App, name: str, ingress: Ingress) -> Manifest:
    paths = [
        {
            "path": path,
            "pathType": "Prefix",
            "backend": {
                "service": {
                    "name": service,
                    "port": {"number": app.services[service].ports[0].port},
                }
            },
        }
        for path, service in ingress.paths.items()
    ]
    spec: Manifest = {"rules": [{"host": ingress.host, "http": {"paths": paths}}]}
    if ingress.tls:
        spec["tls"] = [{"hosts": [ingress.host], "secretName": ingress.tls}]
    return named("networking.k8s.io/v1", "Ingress", app, name, spec=spec)
