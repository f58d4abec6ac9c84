"""The twin's objects: the app's own, with a program in each container and names that collide with nobody's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from eval.apps.loader import bundled_apps, load_app
from eval.apps.model import App
from eval.environments.kube.objects import (
    cpu_of,
    needed_cpu,
    requested_cpu,
    twin_objects,
    twin_of,
)
from eval.environments.kube.program.describe import read_app

IMAGE = "registry.local/python:3.11"


def _pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            found.append(item["spec"]["template"])
        elif item["kind"] == "CronJob":
            found.append(item["spec"]["jobTemplate"]["spec"]["template"])
        elif item["kind"] == "Pod":
            found.append(item)
    return found


@pytest.mark.parametrize("name", bundled_apps())
def test_the_containers_read_their_app_back_as_it_is(name: str, tmp_path: Path) -> None:
    app = load_app(name)
    (tmp_path / "app.json").write_text(json.dumps(asdict(app)))
    assert read_app(tmp_path / "app.json") == app


@pytest.mark.parametrize("name", bundled_apps())
def test_every_container_has_the_stock_image_and_a_command_that_is_mounted(name: str) -> None:
    app = twin_of(load_app(name), IMAGE, namespace="mine")
    for pod in _pods(twin_objects(app, minor=20, rate=5, seed=0)):
        runtime = next(v for v in pod["spec"]["volumes"] if v["name"] == "runtime")
        offered = {item["path"] for item in runtime["configMap"]["items"]}
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]:
            assert container["image"] == IMAGE
            command = container["command"][0]
            assert command in ("sh", "/bin/sh") or command.rsplit("/", 1)[-1] in offered


@pytest.mark.parametrize("name", bundled_apps())
def test_a_configmap_holds_the_program_and_the_largest_app(name: str) -> None:
    app = twin_of(load_app(name), IMAGE)
    for item in twin_objects(app, minor=20, rate=5, seed=0):
        if item["kind"] == "ConfigMap":
            assert len(json.dumps(item)) < 1_000_000


def test_what_belongs_to_no_namespace_is_named_by_the_twins(shop: App) -> None:
    objects = twin_objects(twin_of(shop, IMAGE, namespace="mine"), minor=20, rate=5, seed=0)
    outside = [
        o for o in objects if not o["metadata"].get("namespace") and o["kind"] != "Namespace"
    ]
    assert [(o["kind"], o["metadata"]["name"]) for o in outside] == [
        ("PersistentVolume", "mine-stock-pv")
    ]
    assert outside[0]["spec"]["hostPath"]["path"].endswith("/mine-stock-pv")


def test_a_command_with_a_path_is_mounted_there(shop: App) -> None:
    objects = twin_objects(twin_of(shop, IMAGE), minor=20, rate=5, seed=0)
    pod = next(
        o for o in objects if o["metadata"]["name"] == "registry" and o["kind"] == "Deployment"
    )
    mounts = pod["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "runtime", "mountPath": "/bin/consul", "subPath": "consul"} in mounts


def test_cpu_requests_are_scaled_to_the_cluster_and_never_to_nothing(shop: App) -> None:
    half = twin_of(shop, IMAGE, cpu_factor=0.5)
    assert needed_cpu(half) == pytest.approx(needed_cpu(shop) / 2)
    assert cpu_of(twin_of(shop, IMAGE, cpu_factor=1e-9).services["stock"].requests["cpu"]) == 0.001


def test_the_users_client_reaches_the_app_from_its_own_namespace(shop: App) -> None:
    objects = twin_objects(twin_of(shop, IMAGE, namespace="mine"), minor=20, rate=2.5, seed=7)
    users = next(o for o in objects if o["metadata"]["name"] == "load-generator")
    container = users["spec"]["template"]["spec"]["containers"][0]
    assert users["metadata"]["namespace"] == "mine-users"
    assert {e["name"]: e["value"] for e in container["env"]} == {"RATE": "2.5", "SEED": "7"}


def test_what_pods_that_are_not_done_request_is_taken() -> None:
    def pod(phase: str, *requests: str) -> dict[str, Any]:
        containers = [{"resources": {"requests": {"cpu": cpu}}} for cpu in requests]
        return {"spec": {"containers": [*containers, {}]}, "status": {"phase": phase}}

    assert requested_cpu(pod("Running", "100m", "2")) == pytest.approx(2.1)
    assert requested_cpu(pod("Pending", "100m")) == pytest.approx(0.1)
    assert requested_cpu(pod("Succeeded", "1")) == 0.0
