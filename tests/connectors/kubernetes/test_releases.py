"""Helm's releases, as Helm 3 keeps them, read from a loopback API server."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import SourceForbidden
from connectors.kubernetes.releases import HelmReleases
from connectors.kubernetes.settings import KubernetesSettings
from copilot.tools.redact import redact_value
from tests.connectors.kubernetes.loopback import LoopbackApi

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECRETS = "/api/v1/namespaces/shop/secrets"


def secret(version: int, minutes: float, *, chart: str = "1.0.0", status: str = "deployed",
           values: Any = None, namespace: str = "shop", name: str = "cart") -> dict[str, Any]:  # fmt: skip
    at = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", ".123456789Z")
    release = {
        "name": name,
        "namespace": namespace,
        "version": version,
        "info": {"status": status, "last_deployed": at, "description": "timed out waiting"},
        "chart": {
            "metadata": {"name": "cart", "version": chart},
            "templates": [{"data": "x" * 500}],
        },
        "config": values or {},
        "manifest": "kind: Secret\ndata: everything",
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return {
        "metadata": {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": namespace},
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(packed).decode()},
    }


@pytest.fixture
async def helm(settings: KubernetesSettings) -> AsyncIterator[HelmReleases]:
    source = HelmReleases(settings, redact_value)
    yield source
    await source.close()


async def test_revisions_with_what_differs_and_no_secret(
    api: LoopbackApi, helm: HelmReleases
) -> None:
    env = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}]
    old = {"image": {"tag": "1.0"}, "replicas": 2, "env": env, "auth": {"token": "abcdef123456"}}
    new_env = [{"name": "DB_PASSWORD", "value": "swordfish"}, {"name": "MODE", "value": "slow"}]
    new = {"image": {"tag": "1.1"}, "env": new_env, "auth": {"token": "abcdef123456"}}
    url = {"image": {"tag": "1.1"}, "env": new_env, "auth": {"token": "abcdef123456"},
           "database": "postgres://shop:topsecret@db/shop"}  # fmt: skip
    api.objects["secrets"] = [
        secret(3, 5, status="failed", chart="1.1.0", values=url),
        secret(1, 6000, values=old),
        secret(2, 30, values=new),
        secret(1, 5, name="other", namespace="elsewhere"),
    ]
    third, second = await helm.changes(NOW - timedelta(hours=1), NOW, ("shop",))
    assert second.time == NOW - timedelta(minutes=30) + timedelta(microseconds=123456)
    assert second.text.startswith("Helm deployed revision 2 of chart cart-1.0.0 (deployed); ")
    assert "image.tag: 1.0 → 1.1" in second.text
    assert "env.MODE: fast → slow" in second.text
    assert "replicas: 2 → unset" in second.text
    assert "auth.token" not in second.text
    assert "env.DB_PASSWORD: [redacted:password:" in second.text
    assert third.text.startswith(
        "Helm deployed revision 3 of chart cart-1.1.0 (failed): timed out waiting;"
        " chart cart-1.0.0 → cart-1.1.0; "
    )
    for hidden in ("hunter2", "swordfish", "topsecret", "abcdef123456", "everything"):
        assert hidden not in second.text + third.text
    assert (third.object, third.namespace, third.names) == ("release cart", "shop", ("cart",))
    [request] = [one for one in api.requests if one.path == SECRETS]
    assert request.query["fieldSelector"] == "type=helm.sh/release.v1"
    assert request.query["labelSelector"] == "owner=helm"


async def test_the_whole_cluster_page_by_page_without_what_is_broken(
    api: LoopbackApi, helm: HelmReleases
) -> None:
    odd = [{"metadata": {"name": "a"}, "data": {"release": text}} for text in ("", "!", "aGVsbG8=")]
    bomb = base64.b64encode(base64.b64encode(gzip.compress(b" " * (40 * 2**20)))).decode()
    odd.append({"metadata": {"name": "b"}, "data": {"release": bomb}})
    api.objects["secrets"] = odd + [secret(n, 5, name=f"r{n}") for n in range(1, 80)]
    assert len(await helm.changes(NOW - DAY, NOW)) == 79
    assert sum(one.path == "/api/v1/secrets" for one in api.requests) == 2


async def test_doctor_says_what_right_is_missing(api: LoopbackApi, helm: HelmReleases) -> None:
    [row] = await helm.check()
    assert row.ok
    api.mischief[SECRETS] = "403"
    [row] = await helm.check()
    assert (row.ok, "may list Secrets" in row.repair) == (False, True)
    with pytest.raises(SourceForbidden, match="cannot list Helm's Secrets"):
        await helm.changes(NOW - DAY, NOW, ("shop",))


async def test_doctor_without_a_context(settings: KubernetesSettings) -> None:
    source = HelmReleases(KubernetesSettings(settings.kubeconfig, "nowhere"), redact_value)
    [row] = await source.check()
    assert (row.ok, 'has no context "nowhere"' in row.detail) == (False, True)
    await source.close()
