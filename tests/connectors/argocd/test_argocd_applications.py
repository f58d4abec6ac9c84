"""Argo CD's applications: by its API v1 on loopback (2.12), and as objects of a cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import ConnectorError, SourceForbidden
from connectors.argocd import ArgoApi, ArgoObjects, ArgoSettings
from tests.copilot.evidence.recorded import RecordedCluster
from tests.loopback.forge_server import ArgoServer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(number: int, minutes: float, revision: str) -> dict[str, Any]:
    return {
        "id": number,
        "revision": revision * 40,
        "deployedAt": (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": {"repoURL": "https://user:pw@git.example.com/shop.git", "path": "deploy"},
        "initiatedBy": {"automated": True},
    }


SHOP: dict[str, Any] = {
    "metadata": {"name": "shop", "namespace": "argocd"},
    "spec": {"destination": {"namespace": "shop"}, "project": "default"},
    "status": {
        "sync": {"status": "OutOfSync"},
        "health": {"status": "Degraded"},
        "history": [entry(0, 600, "a"), entry(1, 10, "b")],
        "resources": [
            {"kind": "Deployment", "name": "cart"},
            {"kind": "Service", "name": "cart"},
            {"kind": "ConfigMap", "name": "settings"},
        ],
        "operationState": {
            "phase": "Failed",
            "message": "one or more objects failed to apply:\n quota exceeded",
            "finishedAt": (NOW - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "operation": {"initiatedBy": {"username": "ada"}},
        },
    },
}
NEW = {"metadata": {"name": "new"}, "spec": {"destination": {"namespace": "other"}}, "status": {}}


async def test_syncs_from_the_api() -> None:
    async with ArgoServer([SHOP, NEW]) as server:
        source = ArgoApi(ArgoSettings(server.url + "/api/v1", token="argo-token"))
        failed, synced = await source.changes(NOW - timedelta(hours=1), NOW, ("shop",))
        assert await source.changes(NOW - DAY, NOW, ("other",)) == []
        [row] = await source.check()
        await source.close()
    assert failed.text == (
        "Argo CD could not sync (Failed): one or more objects failed to apply: quota exceeded"
    )
    assert failed.author == "ada"
    assert synced.text == (
        "Argo CD synced git.example.com/shop deploy at bbbbbbbbbbbb, before aaaaaaaaaaaa;"
        " now OutOfSync, Degraded"
    )
    assert (synced.namespace, synced.object) == ("shop", "application shop")
    assert (synced.names, synced.author) == (("cart",), "automated")
    assert (row.ok, "2 applications" in row.detail) == (True, True)


async def test_an_argo_without_applications_and_a_wrong_token() -> None:
    async with ArgoServer(None) as server:
        source = ArgoApi(ArgoSettings(server.url, token="argo-token"))
        assert await source.changes(NOW - DAY, NOW) == []
        await source.close()
        source = ArgoApi(ArgoSettings(server.url, token="other"))
        with pytest.raises(SourceForbidden, match="no session information"):
            await source.changes(NOW - DAY, NOW)
        await source.close()


async def test_applications_as_objects() -> None:
    kind = "Application.argoproj.io"
    cluster = RecordedCluster({kind: [SHOP]})
    source = ArgoObjects(cluster)
    assert len(await source.changes(NOW - DAY, NOW)) == 3
    [row] = await source.check()
    assert row.ok
    cluster.objects = {}
    [row] = await source.check()
    assert (row.ok, row.detail) == (False, "the cluster has no Applications of Argo CD")
    cluster.objects = {
        kind: [{"metadata": {"name": "x", "namespace": "argocd"}, "status": {"history": [7]}}]
    }
    with pytest.raises(ConnectorError, match="of another shape"):
        await source.changes(NOW - DAY, NOW)
    cluster.forbidden.add(kind)
    with pytest.raises(SourceForbidden):
        await source.changes(NOW - DAY, NOW)
    await source.close()
