"""The GitHub connector against a loopback server that speaks its REST API, version 2022-11-28."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import SourceForbidden, SourceMissing
from connectors.github import GitHubDeployments, GitHubSettings
from tests.loopback.forge_server import GitHubServer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = ("acme/shop",)


def deployment(number: int, minutes: float, environment: str = "production") -> dict[str, Any]:
    return {
        "id": number,
        "sha": f"{number:040x}",
        "ref": "main",
        "environment": environment,
        "description": None,
        "creator": {"login": "ada"},
        "created_at": (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


MANY = [deployment(1000 - number, number) for number in range(120)]
STATES = {1000: [{"state": "failure", "description": "health check failed", "log_url": "https://ci/1"},
                 {"state": "in_progress", "description": ""}]}  # fmt: skip


async def test_deployments_of_a_period_with_their_last_state() -> None:
    async with GitHubServer({"acme/shop": MANY}, STATES) as server:
        source = GitHubDeployments(GitHubSettings(server.url, token="gh-token", repositories=SHOP))
        found = await source.changes(NOW - timedelta(minutes=2), NOW + DAY)
        await source.close()
    assert [one.time for one in found] == [NOW - timedelta(minutes=n) for n in range(3)]
    first = found[0]
    assert first.text == (
        "GitHub deployed main (000000000000) to production: failure; health check failed"
    )
    assert (first.object, first.names) == ("repository acme/shop", ("shop",))
    assert (first.author, first.url) == ("ada", "https://ci/1")
    assert found[1].text.endswith(": no state yet")
    # one page, and the states of the three
    assert len(server.requests) == 4


async def test_older_periods_are_found_page_by_page() -> None:
    async with GitHubServer({"acme/shop": MANY}, {}) as server:
        source = GitHubDeployments(GitHubSettings(server.url, token="gh-token", repositories=SHOP))
        found = await source.changes(
            NOW - timedelta(minutes=110), NOW - timedelta(minutes=105, seconds=1)
        )
        await source.close()
    assert len(found) == 5


async def test_only_one_environment() -> None:
    both = [deployment(2, 1, "staging"), deployment(1, 2)]
    async with GitHubServer({"acme/shop": both}, {}) as server:
        source = GitHubDeployments(
            GitHubSettings(
                server.url, token="gh-token", repositories=SHOP, environment="production"
            )
        )
        [one] = await source.changes(NOW - DAY, NOW)
        await source.close()
    assert "to production" in one.text


async def test_doctor_and_refusals() -> None:
    async with GitHubServer({"acme/shop": MANY}, {}) as server:
        names = ("acme/shop", "acme/other")
        source = GitHubDeployments(GitHubSettings(server.url, token="gh-token", repositories=names))
        good, bad = await source.check()
        assert (good.ok, "has deployments" in good.detail) == (True, True)
        assert (bad.ok, "Not Found" in bad.detail) == (False, True)
        with pytest.raises(SourceMissing):
            await source.changes(NOW - DAY, NOW)
        await source.close()
        source = GitHubDeployments(GitHubSettings(server.url, token="other", repositories=SHOP))
        with pytest.raises(SourceForbidden, match="Bad credentials"):
            await source.changes(NOW - DAY, NOW)
        await source.close()


@pytest.mark.parametrize("names", [(), ("shop",), ("a/b/c",), ("a/../b",)])
def test_bad_repositories_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="owner/name"):
        GitHubSettings(repositories=names)
