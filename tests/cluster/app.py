"""Deploys the tool library of `program.py` and `manifests.yaml`, and takes it away again."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.cluster.kube import ApiError, Document, Kube

HERE = Path(__file__).parent
IMAGE = os.environ.get("CLUSTER_TEST_IMAGE", "python:3.11-slim")

DEPLOYMENTS = ("desk", "loans", "shelf")
SERVICES = ("desk", "loans", "shelf")


class Library:
    """The app in a namespace of its own."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self._deployed: dict[tuple[str, str], Document] = {}

    @classmethod
    def deploy(cls, kube: Kube) -> Library:
        """Deploy it and wait until it serves; leaves nothing behind if that fails."""
        library = cls(kube, f"library-{secrets.token_hex(3)}")
        try:
            kube.create("", {**_named(library.namespace), "kind": "Namespace", "apiVersion": "v1"})
            wait("the default service account", library._has_account, seconds=30)
            for manifest in manifests():
                kube.create(library.namespace, manifest)
            library._remember()
            library.wait_until_serving(seconds=180)
        except BaseException:
            library.teardown()
            raise
        return library

    def teardown(self) -> None:
        """Delete the namespace, and all that is in it with it."""
        self.kube.delete("Namespace", "", self.namespace)

    def wait_until_gone(self, seconds: float = 120) -> None:
        """Wait until nothing of it is left."""
        wait(
            f"namespace {self.namespace} to be gone",
            lambda: self.kube.find("Namespace", "", self.namespace) is None,
            seconds=seconds,
        )

    def restore(self) -> None:
        """Put every Service and Deployment back to what was deployed."""
        for (kind, name), manifest in self._deployed.items():
            found = self.kube.find(kind, self.namespace, name)
            if found is None:
                self.kube.create(self.namespace, manifest)
                continue
            wanted = _defaulted(manifest["spec"], found["spec"])
            if wanted != found["spec"]:
                change = [{"op": "replace", "path": "/spec", "value": wanted}]
                self.kube.patch(kind, self.namespace, name, change, "json")

    def serves(self) -> bool:
        """Whether a visitor at the desk is served, through all three services."""
        try:
            text = self.kube.through_service(self.namespace, "desk", 80, "/cards/117")
        except ApiError:
            return False
        return '"place"' in text

    def settled(self) -> bool:
        """Whether every Deployment runs what it should and no other pod is left."""
        wanted = 0
        for name in DEPLOYMENTS:
            found = self.kube.get("Deployment", self.namespace, name)
            replicas, status = found["spec"]["replicas"], found.get("status", {})
            wanted += replicas
            if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
                return False
            if any(status.get(k, 0) != replicas for k in ("updatedReplicas", "availableReplicas")):
                return False
        return len(self.kube.all("Pod", self.namespace)) == wanted

    def wait_until_serving(self, seconds: float = 90) -> None:
        """Wait until it is settled and has served ten visitors in a row."""
        wait("the app to settle", self.settled, seconds=seconds)
        wait("the app to serve", lambda: all(self.serves() for _ in range(10)), seconds=seconds)

    def pods(self, app: str) -> list[Document]:
        """Return the pods of one Deployment that are not being deleted."""
        found = self.kube.all("Pod", self.namespace, f"app={app}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def specs(self) -> dict[str, Document]:
        """Return what people decide: the specs of all Services and Deployments."""
        return {
            f"{kind}/{item['metadata']['name']}": item["spec"]
            for kind in ("Service", "Deployment")
            for item in self.kube.all(kind, self.namespace)
        }

    def facts(self) -> str:
        """Describe the pods and the Services' addresses, for a failed test's message."""
        lines = []
        for pod in self.kube.all("Pod", self.namespace):
            states = [
                f"{one['name']} restarts={one['restartCount']} {json.dumps(one['state'])}"
                for one in pod["status"].get("containerStatuses", [])
            ]
            lines.append(f"{pod['metadata']['name']} {pod['status']['phase']} {'; '.join(states)}")
        for item in self.kube.all("Endpoints", self.namespace):
            subsets = item.get("subsets") or []
            ready = sum(len(subset.get("addresses") or []) for subset in subsets)
            ports = sorted({port["port"] for one in subsets for port in one.get("ports") or []})
            lines.append(f"endpoints {item['metadata']['name']}: {ready} ready, ports {ports}")
        return "\n".join(lines)

    def _has_account(self) -> bool:
        return self.kube.find("ServiceAccount", self.namespace, "default") is not None

    def _remember(self) -> None:
        for manifest in manifests():
            if manifest["kind"] in ("Service", "Deployment"):
                name = manifest["metadata"]["name"]
                found = self.kube.get(manifest["kind"], self.namespace, name)
                self._deployed[manifest["kind"], name] = {**manifest, "spec": found["spec"]}


def manifests() -> list[Document]:
    """Return the app's objects, with the image and the program filled in."""
    filled = {"IMAGE": IMAGE, "PROGRAM": (HERE / "program.py").read_text(encoding="utf-8")}

    def fill(value: object) -> object:
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [fill(each) for each in value]
        return filled.get(value, value) if isinstance(value, str) else value

    text = (HERE / "manifests.yaml").read_text(encoding="utf-8")
    found = [fill(document) for document in yaml.safe_load_all(text)]
    return [document for document in found if isinstance(document, dict)]


def wait(what: str, done: Callable[[], bool], *, seconds: float, every: float = 0.5) -> None:
    """Wait until `done`. Raises `TimeoutError` naming `what`."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)


def _named(name: str) -> Document:
    return {"metadata": {"name": name}}


def _defaulted(wanted: Document, found: Document) -> Document:
    # A Service that was deleted and created anew keeps the address that it has now.
    kept: Document = {key: found[key] for key in ("clusterIP", "clusterIPs") if key in found}
    return wanted | kept
