"""The workload of one service: a Deployment, StatefulSet or DaemonSet, or a bare Pod."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eval.apps.model import App, Init, Mount, Port, Service, Sidecar

Manifest = dict[str, Any]


def named(api: str, kind: str, app: App, name: str, **body: Any) -> Manifest:
    """Return an object of the app's namespace."""
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": app.namespace},
        **body,
    }


def workload_manifest(app: App, service: Service) -> Manifest:
    """Return what runs one of the app's services."""
    labels = {app.label: service.name, **service.labels}
    pod = _pod(app, service)
    if app.runtime == "docker":
        body = named("v1", "Pod", app, service.name, spec={**pod, **_one_host(app)})
        body["metadata"]["labels"] = labels
        return body
    spec: Manifest = {
        "selector": {"matchLabels": {app.label: service.name}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if service.kind != "DaemonSet":
        spec["replicas"] = service.replicas
    if service.kind == "StatefulSet":
        spec["serviceName"] = service.name
        claims = [_claim_template(app, mount) for mount in service.mounts if mount.claim]
        if claims:
            spec["volumeClaimTemplates"] = claims
    body = named("apps/v1", service.kind, app, service.name, spec=spec)
    body["metadata"]["labels"] = labels
    return body


def _one_host(app: App) -> Manifest:
    """What makes a pod a container of a host: all together, and ended once ended."""
    together = {
        "labelSelector": {"matchExpressions": [{"key": app.label, "operator": "Exists"}]},
        "topologyKey": "kubernetes.io/hostname",
    }
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [together]}}
    return {"restartPolicy": "Never", "affinity": affinity}


def _pod(app: App, service: Service) -> Manifest:
    spec: Manifest = {}
    if any(init.reads for init in service.init):
        spec["serviceAccountName"] = service.name
    if service.init:
        spec["initContainers"] = [_init(init) for init in service.init]
    sidecars = [_sidecar(sidecar) for sidecar in service.sidecars]
    spec["containers"] = [_container(service), *sidecars]
    mounts = [*service.mounts, *(mount for init in service.init for mount in init.mounts)]
    own = service.kind == "StatefulSet" and app.runtime == "kubernetes"
    volumes = {m.volume: _volume(m) for m in mounts if not (own and m.claim)}
    if volumes:
        spec["volumes"] = list(volumes.values())
    return spec


def _container(service: Service) -> Manifest:
    container: Manifest = {"name": service.container_name, "image": service.image}
    if service.command:
        container["command"] = list(service.command)
    if service.args:
        container["args"] = list(service.args)
    # secrets first: a later variable may refer to an earlier one as $(NAME)
    variables: list[Manifest] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": key.secret, "key": key.key}}}
        for name, key in service.secret_env.items()
    ]
    variables += [{"name": name, "value": value} for name, value in service.env.items()]
    if variables:
        container["env"] = variables
    if service.ports:
        container["ports"] = _ports(service.ports)
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
        container["volumeMounts"] = _mounts(service.mounts)
    return container


def _init(init: Init) -> Manifest:
    container: Manifest = {"name": init.name, "image": init.image}
    command = init.command or _waiting(init)
    if command:
        container["command"] = list(command)
    if init.mounts:
        container["volumeMounts"] = _mounts(init.mounts)
    return container


def _waiting(init: Init) -> tuple[str, ...]:
    if not init.wait_for:
        return ()
    said = init.waiting.replace("{name}", init.wait_for)
    probe = f"nc -z {init.wait_for} {init.port}" if init.port else f"nslookup {init.wait_for}"
    return ("sh", "-c", f"until {probe}; do echo {said}; sleep 2; done;")


def _sidecar(sidecar: Sidecar) -> Manifest:
    container: Manifest = {"name": sidecar.name, "image": sidecar.image}
    if sidecar.ports:
        container["ports"] = _ports(sidecar.ports)
    return container


def _ports(ports: Iterable[Port]) -> list[Manifest]:
    # several ports of a Service may lead to one of the container
    unique = {(port.number, port.protocol): None for port in ports}
    return [{"containerPort": number, "protocol": protocol} for number, protocol in unique]


def _mounts(mounts: Iterable[Mount]) -> list[Manifest]:
    return [{"name": mount.volume, "mountPath": mount.path} for mount in mounts]


def _volume(mount: Mount) -> Manifest:
    source: Manifest = {"emptyDir": {}}
    if mount.claim:
        source = {"persistentVolumeClaim": {"claimName": mount.claim}}
    elif mount.config_map:
        source = {"configMap": {"name": mount.config_map}}
    elif mount.secret:
        source = {"secret": {"secretName": mount.secret}}
    return {"name": mount.volume, **source}


def _claim_template(app: App, mount: Mount) -> Manifest:
    base = mount.claim.removesuffix("-pvc")
    return {
        "metadata": {"name": mount.volume},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": f"{base}-storage",
            "resources": {"requests": {"storage": app.volumes[mount.claim]}},
        },
    }
