"""The asking user's rights count, by review and by impersonation, at the emulator's own RBAC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from connectors.api.errors import SourceForbidden, SourceMissing
from connectors.kubernetes import rights
from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.writer import open_writer
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from tests.connectors.kubernetes.emulated import Quiet

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RBAC = "rbac.authorization.k8s.io/v1"
VIEW: Any = {
    "apiVersion": RBAC,
    "kind": "RoleBinding",
    "metadata": {"name": "see", "namespace": "shop"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    "subjects": [
        {"kind": "User", "name": "ada", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "Group", "name": "second", "apiGroup": "rbac.authorization.k8s.io"},
    ],
}


@pytest.fixture
async def cluster() -> AsyncIterator[EmulatedCluster]:
    emulated = EmulatedCluster(Quiet(), start=START)
    for space in ("shop", "vault"):
        emulated.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        meta = {"name": "settings", "namespace": space}
        emulated.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "b"}}
        )
    emulated.create(VIEW)
    await emulated.serve()
    yield emulated
    await emulated.close()


async def opened(
    cluster: EmulatedCluster,
    folder: Path,
    how: Literal["own", "review", "impersonate"],
    user: str,
    *groups: str,
) -> KubernetesReader:
    file = cluster.kubeconfig(folder / "kubeconfig", "admin", namespace="shop")
    return await open_reader(KubernetesSettings(file, user=user, groups=groups, rights=how))


@pytest.mark.parametrize("how", ["review", "impersonate"])
@pytest.mark.parametrize("who", [("ada",), ("bob", "first", "second")])
async def test_a_user_sees_what_the_user_may_see(
    cluster: EmulatedCluster,
    tmp_path: Path,
    how: Literal["review", "impersonate"],
    who: tuple[str, ...],
) -> None:
    reader = await opened(cluster, tmp_path, how, *who)
    names = {item["metadata"]["name"] for item in await reader.list("ConfigMap", "shop")}
    assert "settings" in names
    assert (await reader.get("ConfigMap", "shop", "settings"))["data"] == {"a": "b"}
    # Forbidden is told apart from absent, where the user may look and where not.
    with pytest.raises(SourceMissing):
        await reader.get("ConfigMap", "shop", "none")
    for name in ("settings", "none"):
        with pytest.raises(SourceForbidden):
            await reader.get("ConfigMap", "vault", name)
    for kind, place in (
        ("ConfigMap", "vault"),
        ("ConfigMap", None),
        ("Secret", "shop"),
        ("Node", None),
    ):
        with pytest.raises(SourceForbidden):
            await reader.list(kind, place)
    assert await reader.can("list", "Pod", "shop")
    assert not await reader.can("list", "Pod", "vault")
    assert not await reader.can("patch", "Deployment", "shop")
    await reader.close()


@pytest.mark.parametrize("how", ["review", "impersonate"])
async def test_a_user_without_rights_and_writes(
    cluster: EmulatedCluster, tmp_path: Path, how: Literal["review", "impersonate"]
) -> None:
    reader = await opened(cluster, tmp_path, how, "eve")
    with pytest.raises(SourceForbidden, match="eve"):
        await reader.list("ConfigMap", "shop")
    await reader.close()
    settings = KubernetesSettings(tmp_path / "kubeconfig", user="ada", rights=how)
    writer = await open_writer(settings)
    with pytest.raises(SourceForbidden, match="ada"):
        await writer.patch("ConfigMap", "shop", "settings", {"data": {"a": "c"}})
    await writer.close()


async def test_without_it_our_own_rights_count(cluster: EmulatedCluster, tmp_path: Path) -> None:
    reader = await opened(cluster, tmp_path, "own", "eve")
    assert await reader.list("ConfigMap", "vault")
    await reader.close()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/namespaces/shop/pods/p/log", ("get", "", "pods", "log", "shop", "p")),
        ("GET", "/api/v1/namespaces/shop", ("get", "", "namespaces", "", "shop", "shop")),
        ("GET", "/api/v1/nodes", ("list", "", "nodes", "", "", "")),
        ("PATCH", "/apis/apps/v1/namespaces/s/deployments/d", ("patch", "apps", "deployments", "", "s", "d")),
        ("POST", "/apis/batch/v1/namespaces/s/jobs", ("create", "batch", "jobs", "", "s", "")),
    ],
)  # fmt: skip
def test_what_a_request_does(method: str, path: str, expected: tuple[str, ...]) -> None:
    keys = ("verb", "group", "resource", "subresource", "namespace", "name")
    found = rights.attributes(method, path)
    assert found is not None
    assert tuple(dict(found).get(key, "") for key in keys) == expected


@pytest.mark.parametrize(
    "path", ["/version", "/api", "/apis", "/api/v1", "/apis/apps/v1", rights.REVIEW]
)
def test_what_is_no_resource_needs_no_review(path: str) -> None:
    assert rights.attributes("GET", path) is None


def test_kubectl_acts_in_the_users_name_or_not_at_all() -> None:
    as_ada = KubernetesSettings(user="ada", groups=("x", "y"), rights="impersonate")
    assert rights.kubectl_options(as_ada) == ["--as=ada", "--as-group=x", "--as-group=y"]
    assert rights.kubectl_options(KubernetesSettings(user="ada")) == []
    with pytest.raises(SourceForbidden, match="not held to the rights of ada"):
        rights.kubectl_options(KubernetesSettings(user="ada", rights="review"))
