from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.api.values import Json
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from tests.eval.environments.emulator.cluster.cluster_fakes import START, FakePrograms


@dataclass
class Lab:
    """A cluster with a namespace `shop`, and shortcuts for looking at it."""

    cluster: EmulatedCluster
    programs: FakePrograms

    def get(self, kind: str, name: str, namespace: str = "shop") -> Json:
        found = self.cluster.world.store.get(kind, namespace, name)
        assert found is not None, f"no {kind} {namespace}/{name}"
        return found

    def pods(self, app: str) -> list[Json]:
        return [
            pod
            for pod in self.cluster.objects("Pod", "shop")
            if pod["metadata"]["labels"].get("app") == app
        ]

    def pod(self, app: str) -> Json:
        (found,) = self.pods(app)
        return found

    def state(self, app: str) -> Json:
        (status,) = self.pod(app)["status"]["containerStatuses"]
        return status

    def events(self, reason: str) -> list[Json]:
        return [e for e in self.cluster.objects("Event", "shop") if e["reason"] == reason]


def make_lab(seed: int = 0, *, upstream_dns: bool = True) -> Lab:
    programs = FakePrograms()
    cluster = EmulatedCluster(programs, seed=seed, start=START, upstream_dns=upstream_dns)
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return Lab(cluster, programs)


@pytest.fixture
def lab() -> Lab:
    return make_lab()


@pytest.fixture
async def served(lab: Lab, tmp_path: Path) -> AsyncIterator[Lab]:
    await lab.cluster.serve()
    lab.cluster.kubeconfig(tmp_path / "admin", "admin", namespace="shop")
    lab.cluster.kubeconfig(tmp_path / "viewer", "viewer", namespace="shop")
    yield lab
    await lab.cluster.close()
