"""The twin's objects: the app's own manifests, with a stock Python image in each container."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import Any

from eval.apps.manifests import manifests
from eval.apps.model import App, Init, Service
from eval.environments.kube.bundle import bundle

Manifest = dict[str, Any]

RUNTIME = "runtime"
OPERATIONS_PORT = 9464
_FOLDER = "/usr/local/sbin"
_GRACE_SECONDS = 3
_TOOLS = ("nslookup", "nc")
_START = """#!/usr/bin/env python3
import pathlib, sys
place = pathlib.Path("{folder}")
sys.path.insert(0, str(place / "program.zip"))
from service.main import main
main(place)
"""


def twin_of(app: App, image: str, *, namespace: str = "", cpu_factor: float = 1.0) -> App:
    """Return the app as the twin runs it; faults must be made for this one.

    Each container has the stock `image` and says itself which program it runs, as an image's entry
    point would; CPU requests are `cpu_factor` times as large. Other builds do not exist for the twin.
    """
    services = {
        name: replace(
            service,
            image=image,
            command=service.command or (name,),
            requests=_scaled(service.requests, cpu_factor),
            init=tuple(_stock_init(init, image) for init in service.init),
            sidecars=tuple(replace(sidecar, image=image) for sidecar in service.sidecars),
        )
        for name, service in app.services.items()
    }
    jobs = {name: replace(job, image=image, command=(name,)) for name, job in app.cron_jobs.items()}
    workload = app.workload
    if namespace:
        workload = replace(workload, namespace=f"{namespace}-users")
    return replace(
        app,
        namespace=namespace or app.namespace,
        services=services,
        cron_jobs=jobs,
        workload=workload,
        variants={},
        more_images=(),
    )


def _stock_init(init: Init, image: str) -> Init:
    """A command of its own may need tools that the stock image lacks: the program plays it."""
    return replace(init, image=image, command=(init.name,) if init.command else ())


def _scaled(requests: Any, factor: float) -> dict[str, str]:
    scaled = dict(requests)
    if "cpu" in scaled and factor < 1:
        scaled["cpu"] = f"{max(1, int(cpu_of(scaled['cpu']) * factor * 1000))}m"
    return scaled


def cpu_of(text: str) -> float:
    """Cores in a Kubernetes quantity of CPU."""
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def twin_objects(app: App, *, minor: int, rate: float, seed: int) -> list[Manifest]:
    """Return all objects of an app that `twin_of` made, in an order in which they can be created."""
    result = []
    for item in manifests(app, minor=minor):
        if item["kind"] == "PersistentVolume":
            _own_volume(app, item)
        for template in _templates(item):
            _equip(app, template)
        if item["kind"] == "Service" and app.jaeger == item["metadata"]["name"]:
            item["spec"]["ports"].append({"name": "otlp", "port": OPERATIONS_PORT})
        result.append(item)
    place = next(i for i, item in enumerate(result) if item["kind"] == "Namespace") + 1
    result.insert(place, _runtime(app, app.namespace))
    return result + _users(app, rate, seed)


def _own_volume(app: App, item: Manifest) -> None:
    """Volumes belong to no namespace: their names say whose they are."""
    item["metadata"]["name"] = f"{app.namespace}-{item['metadata']['name']}"
    item["spec"]["hostPath"]["path"] = f"/data/volumes/{item['metadata']['name']}"


def _templates(item: Manifest) -> Iterator[Manifest]:
    if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        template = item["spec"]["template"]
        template["metadata"]["annotations"] = {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(OPERATIONS_PORT),
        }
        yield template
    elif item["kind"] == "CronJob":
        yield item["spec"]["jobTemplate"]["spec"]["template"]
    elif item["kind"] == "Pod":
        yield item


def _equip(app: App, template: Manifest) -> None:
    """Give each container of a pod template its program."""
    spec = template["spec"]
    # a namespace waits for its pods' time to end: the programs end at once
    spec.setdefault("terminationGracePeriodSeconds", _GRACE_SECONDS)
    paths: dict[str, None] = dict.fromkeys(_TOOLS)
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        container["imagePullPolicy"] = "IfNotPresent"
        container.setdefault("command", [container["name"]])
        mounts = container.setdefault("volumeMounts", [])
        mounts.append({"name": RUNTIME, "mountPath": _FOLDER})
        executable = container["command"][0]
        if executable.startswith("/") and executable not in ("/bin/sh", "/bin/bash"):
            name = PurePosixPath(executable).name
            mounts.append({"name": RUNTIME, "mountPath": executable, "subPath": name})
    for service in app.services.values():
        paths[PurePosixPath(service.command[0]).name] = None
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        paths[PurePosixPath(container["command"][0]).name] = None
    spec.setdefault("volumes", []).append(_volume(list(paths)))


def _volume(names: list[str]) -> Manifest:
    items = [{"key": "start", "path": name} for name in names if name not in ("sh", "bash")]
    items += [{"key": name, "path": name} for name in ("program.zip", "app.json")]
    return {"name": RUNTIME, "configMap": {"name": RUNTIME, "defaultMode": 0o755, "items": items}}


def _runtime(app: App, namespace: str) -> Manifest:
    described = json.dumps(asdict(replace(app, description="")), separators=(",", ":"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": RUNTIME, "namespace": namespace},
        "data": {"app.json": described, "start": _START.format(folder=_FOLDER)},
        "binaryData": {"program.zip": base64.b64encode(bundle()).decode()},
    }


def _users(app: App, rate: float, seed: int) -> list[Manifest]:
    """The load generator, in the namespace where the users' client runs."""
    workload = app.workload
    labels = {"app": workload.client}
    container = {
        "name": workload.client,
        "image": next(iter(app.services.values())).image,
        "command": [workload.client],
        "env": [{"name": "RATE", "value": f"{rate:g}"}, {"name": "SEED", "value": str(seed)}],
    }
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": workload.client, "namespace": workload.namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    for template in _templates(deployment):
        _equip(app, template)
    runtime = _runtime(app, workload.namespace)
    if workload.namespace == app.namespace:
        return [deployment]
    runtime["metadata"]["name"] = f"{workload.client}-{RUNTIME}"
    deployment["spec"]["template"]["spec"]["volumes"][-1]["configMap"]["name"] = runtime[
        "metadata"
    ]["name"]
    return [runtime, deployment]


def needed_cpu(app: App) -> float:
    """The cores that the app's services request together."""
    return sum(
        cpu_of(service.requests["cpu"]) * service.replicas
        for service in app.services.values()
        if "cpu" in service.requests
    )


def requested_cpu(pod: Manifest) -> float:
    """The cores that a pod has requested while it is not done."""
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0.0
    containers = pod["spec"]["containers"]
    asked = (((c.get("resources") or {}).get("requests") or {}).get("cpu") for c in containers)
    return sum(cpu_of(str(cpu)) for cpu in asked if cpu)


def service_label(app: App, service: Service) -> str:
    """The label selector of a service's pods."""
    return f"{app.label}={service.name}"
