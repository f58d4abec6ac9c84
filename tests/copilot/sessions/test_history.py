"""What is remembered of the cluster's objects from look to look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from copilot.model.history import Seen
from copilot.model.scope import ObjectRef, Scope, Window
from copilot.sessions.database import open_database
from copilot.sessions.history import VERSIONS, DatabaseHistory, versions

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CART = ObjectRef("Deployment", "shop", "cart")


def scope(cluster: str = "prod", *namespaces: str) -> Scope:
    return Scope(cluster, namespaces or ("shop",), Window.last(AT))


def deployment(image: str, replicas: int = 2, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "cart", "namespace": "shop", "uid": "u", "resourceVersion": image,
            "annotations": {"deployment.kubernetes.io/revision": "7", "team": "shop"}, **metadata,
        },
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "cart", "image": image}]}}},
        "status": {"replicas": replicas},
    }  # fmt: skip


def config(**data: str) -> dict[str, Any]:
    metadata = {"name": "settings", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
def history(tmp_path: Path) -> DatabaseHistory:
    return DatabaseHistory(open_database(f"sqlite:///{tmp_path / 'state.db'}"), days=30)


async def look(
    history: DatabaseHistory, minutes: float, *objects: Mapping[str, Any], well: bool = True
) -> list[Seen]:
    await history.note(scope(), objects, AT + timedelta(minutes=minutes), well=well)
    return list(await history.seen(scope()))


async def test_a_version_is_kept_as_a_person_would_write_it(history: DatabaseHistory) -> None:
    (seen,) = await look(history, 0, deployment("cart:1"))
    assert seen.object == CART and seen.whole and seen.well == AT
    assert seen.manifest["metadata"] == {
        "name": "cart", "namespace": "shop", "annotations": {"team": "shop"},
    }  # fmt: skip
    assert "status" not in seen.manifest and seen.manifest["spec"]["replicas"] == 2


async def test_looks_extend_a_version_and_changes_make_another(history: DatabaseHistory) -> None:
    await look(history, 0, deployment("cart:1"))
    (one,) = await look(history, 10, deployment("cart:1", resourceVersion="other"))
    assert (one.first, one.last) == (AT, AT + timedelta(minutes=10))
    newer, older = await look(history, 20, deployment("cart:2"), well=False)
    assert newer.well is None and older.well == AT + timedelta(minutes=10)
    assert older.fingerprint == one.fingerprint != newer.fingerprint


async def test_the_last_good_number_of_replicas_is_kept(history: DatabaseHistory) -> None:
    await look(history, 0, deployment("cart:1", replicas=2))
    await look(history, 5, deployment("cart:1", replicas=4))
    (seen,) = await look(history, 9, deployment("cart:1", replicas=0), well=False)
    assert seen.manifest["spec"]["replicas"] == 4


async def test_what_looks_like_a_secret_is_masked_and_the_version_is_not_whole(
    history: DatabaseHistory,
) -> None:
    (seen,) = await look(history, 0, config(url="db:5432", password="hunter2-hunter2"))
    assert not seen.whole and "hunter2" not in str(seen.manifest)
    assert seen.manifest["data"]["url"] == "db:5432"


@pytest.mark.parametrize(
    "obj",
    [
        {"kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {"a": "Yg=="}},
        {"kind": "Pod", "metadata": {"name": "cart-1", "namespace": "shop"}},
        config(a="b") | {"metadata": {"name": "kube-root-ca.crt", "namespace": "shop"}},
        deployment("cart:1", ownerReferences=[{"kind": "App", "name": "cart"}]),
        config(a="b")
        | {
            "metadata": {
                "name": "lock",
                "namespace": "shop",
                "annotations": {"control-plane.alpha.kubernetes.io/leader": "x"},
            }
        },
    ],
)
async def test_what_nobody_writes_is_not_kept(
    history: DatabaseHistory, obj: dict[str, Any]
) -> None:
    assert await look(history, 0, obj) == []


async def test_old_and_surplus_versions_are_forgotten_but_not_the_last_good_one(
    history: DatabaseHistory,
) -> None:
    await look(history, 0, deployment("cart:good"))
    for number in range(VERSIONS + 4):
        found = await look(history, 1 + number, deployment(f"cart:{number}"), well=False)
    images = [s.manifest["spec"]["template"]["spec"]["containers"][0]["image"] for s in found]
    assert "cart:good" in images and len(images) <= VERSIONS + 2
    later = await look(history, 60 * 24 * 31, config(a="b"))
    assert [s.object.kind for s in later] == ["ConfigMap"]


async def test_clusters_and_namespaces_are_apart(history: DatabaseHistory) -> None:
    await history.note(scope("prod"), [deployment("cart:1")], AT, well=True)
    await history.note(scope("test"), [deployment("cart:2")], AT, well=True)
    assert len(await history.seen(scope("prod"))) == 1
    assert await history.seen(scope("prod", "other")) == []
    assert [c for c, _ in versions(history._engine, "deployment", "cart", "")] == ["prod", "test"]
