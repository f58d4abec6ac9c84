"""The GitLab connector against a loopback server that speaks its API v4 (17.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import SourceForbidden
from connectors.gitlab import GitLabDeployments, GitLabSettings
from tests.loopback.forge_server import GitLabServer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = ("acme/shop",)


def deployment(number: int, minutes: float, environment: str = "production") -> dict[str, Any]:
    at = (NOW - timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    return {
        "id": number,
        "iid": number,
        "ref": "main",
        "sha": f"{number:040d}",
        "status": "success",
        "created_at": at,
        "updated_at": at,
        "user": {"username": "bob"},
        "environment": {"name": environment, "external_url": "https://shop.example.com"},
        "deployable": {
            "web_url": "https://gitlab/jobs/1",
            "finished_at": at,
            "commit": {"title": "Use the new payment API"},
        },
    }


async def test_deployments_of_a_period_over_several_pages() -> None:
    many = [deployment(number, number) for number in range(230)]
    async with GitLabServer({"acme/shop": many}) as server:
        source = GitLabDeployments(GitLabSettings(server.url, token="gl-token", projects=SHOP))
        found = await source.changes(NOW - timedelta(minutes=219), NOW + DAY)
        await source.close()
    assert len(found) == 220
    assert len(server.requests) == 3
    first = found[0]
    assert first.time == NOW
    assert first.text == (
        "GitLab deployed main (000000000000) to production: success; Use the new payment API"
    )
    assert (first.author, first.url, first.names) == ("bob", "https://gitlab/jobs/1", ("shop",))


async def test_a_deployment_without_a_job_in_one_environment() -> None:
    bare = deployment(1, 5) | {"deployable": None, "user": None}
    async with GitLabServer({"acme/shop": [bare, deployment(2, 6, "staging")]}) as server:
        settings = GitLabSettings(
            server.url + "/api/v4", token="gl-token", projects=SHOP, environment="production"
        )
        source = GitLabDeployments(settings)
        [one] = await source.changes(NOW - DAY, NOW)
        await source.close()
    assert (one.author, one.url) == ("", "https://shop.example.com")


async def test_doctor_and_refusals() -> None:
    async with GitLabServer({"acme/shop": []}) as server:
        names = ("acme/shop", "acme/none")
        source = GitLabDeployments(GitLabSettings(server.url, token="gl-token", projects=names))
        good, bad = await source.check()
        assert (good.ok, "no deployments" in good.detail) == (True, True)
        assert (bad.ok, "404 Project Not Found" in bad.detail) == (False, True)
        await source.close()
        source = GitLabDeployments(GitLabSettings(server.url, token="x", projects=SHOP))
        with pytest.raises(SourceForbidden, match="401 Unauthorized"):
            await source.changes(NOW - DAY, NOW)
        await source.close()
    with pytest.raises(ValueError, match="group/name"):
        GitLabSettings(projects=("",))
