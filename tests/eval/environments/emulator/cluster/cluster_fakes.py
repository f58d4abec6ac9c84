"""Programs and manifests for the emulated cluster's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.seams import Run

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SERVER = Run(listens=(8080,), lines=((0.2, "listening on 8080"),))


class FakePrograms:
    """Programs chosen by image name; tests change `runs`, `statuses` and `missing` as they go."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.statuses: dict[str, int] = {}
        self.missing: set[str] = set()
        self.starts: list[str] = []

    def image_exists(self, image: str) -> bool:
        return image not in self.missing

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        self.starts.append(container["image"])
        return self.runs.get(container["image"], SERVER)

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return self.statuses.get(path, 200)


def container(image: str = "app:1", **more: Any) -> Json:
    return {
        "name": "main",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        **more,
    }


def template(name: str, *containers: Json, **spec: Any) -> Json:
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": list(containers) or [container()], **spec},
    }


def workload(kind: str, name: str, *containers: Json, replicas: int = 1, **more: Any) -> Json:
    spec: Json = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": template(name, *containers, **more.pop("pod", {})),
        **more,
    }
    if kind == "DaemonSet":
        del spec["replicas"]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def deployment(name: str, *containers: Json, **more: Any) -> Json:
    return workload("Deployment", name, *containers, **more)


def pod(name: str, *containers: Json, **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": template(name, *containers, **spec)["spec"],
    }


def service(name: str, target: int | str = "http", **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": target}], **spec},
    }


def plain(kind: str, name: str, api: str = "v1", **fields: Any) -> Json:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        **fields,
    }
