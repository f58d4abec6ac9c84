"""GitHub's deployments as a source of changes, by its REST API (version 2022-11-28)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from connectors.api.errors import ConnectorError
from connectors.api.health import deployments_listed
from connectors.api.http import HttpClient
from connectors.api.http_failures import malformed
from connectors.api.values import Check, Delivery, Json
from connectors.github.settings import GitHubSettings

_PAGE = 50
_MAX_PAGES = 10
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class GitHubDeployments:
    """Deployments of some repositories. Fits `ChangeSource`."""

    def __init__(self, settings: GitHubSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings, _HEADERS)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"github ({self._settings.url})"

    async def changes(
        self, start: datetime, end: datetime, namespaces: Sequence[str] = ()
    ) -> list[Delivery]:
        """Return the deployments created in [start, end), with their last state, the newest first.

        GitHub knows no namespaces: all are returned.
        """
        parts = await asyncio.gather(
            *(self._of(repository, start, end) for repository in self._settings.repositories)
        )
        found = [one for part in parts for one in part]
        return sorted(found, key=lambda one: one.time, reverse=True)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        url = self._settings.url
        return [
            await deployments_listed("github", url, repository, partial(self._newest, repository))
            for repository in self._settings.repositories
        ]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _newest(self, repository: str) -> list[Json]:
        found = await self._http.get(f"/repos/{repository}/deployments", {"per_page": 1})
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._malformed("no list of deployments")
        return found

    async def _of(self, repository: str, start: datetime, end: datetime) -> list[Delivery]:
        found = []
        for item, when in await self._created(repository, start, end):
            states = await self._get(f"/repos/{repository}/deployments/{int(item['id'])}/statuses")
            try:
                found.append(_delivery(repository, item, when, states))
            except (KeyError, TypeError, AttributeError) as error:
                raise self._malformed("a deployment of another shape") from error
        return found

    async def _created(
        self, repository: str, start: datetime, end: datetime
    ) -> list[tuple[Json, datetime]]:
        """Return the deployments of the period; they come newest first, page by page."""
        found: list[tuple[Json, datetime]] = []
        more = {"environment": self._settings.environment} if self._settings.environment else {}
        for page in range(1, _MAX_PAGES + 1):
            items = await self._get(f"/repos/{repository}/deployments", page=page, **more)
            try:
                times = [datetime.fromisoformat(item["created_at"]) for item in items]
                pairs = zip(items, times, strict=True)
                found += [
                    (item, when) for item, when in pairs if start <= when < end and item["id"]
                ]
            except (KeyError, TypeError, ValueError) as error:
                raise self._malformed("a deployment of another shape") from error
            if len(items) < _PAGE or min(times) < start:
                break
        return found

    async def _get(self, path: str, **params: str | int) -> list[Any]:
        body = await self._http.get(path, {"per_page": _PAGE, **params})
        if not isinstance(body, list):
            raise self._malformed("no list")
        return body

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("GitHub", self._settings.url, why)


def _delivery(repository: str, item: Json, when: datetime, states: Sequence[Json]) -> Delivery:
    last = states[0] if states else {}
    what = str(item.get("ref") or "")
    commit = str(item.get("sha") or "")[:12]
    text = f"GitHub deployed {what} ({commit}) to {item.get('environment') or 'an environment'}"
    text += f": {last.get('state', 'no state yet')}"
    for note in (item.get("description"), last.get("description")):
        text += f"; {' '.join(str(note).split())[:200]}" if note else ""
    return Delivery(
        when,
        "",
        f"repository {repository}",
        text,
        names=(repository.rpartition("/")[2],),
        author=str((item.get("creator") or {}).get("login") or ""),
        url=str(last.get("log_url") or last.get("target_url") or ""),
    )
