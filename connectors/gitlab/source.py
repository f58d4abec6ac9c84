"""GitLab's deployments as a source of changes, by its REST API v4."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from connectors.api.errors import ConnectorError
from connectors.api.health import deployments_listed
from connectors.api.http import HttpClient, Value
from connectors.api.http_failures import malformed
from connectors.api.values import Check, Delivery, Json
from connectors.gitlab.settings import GitLabSettings

_PAGE = 100
_MAX_PAGES = 10


class GitLabDeployments:
    """Deployments of some projects. Fits `ChangeSource`."""

    def __init__(self, settings: GitLabSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"gitlab ({self._settings.url})"

    async def changes(
        self, start: datetime, end: datetime, namespaces: Sequence[str] = ()
    ) -> list[Delivery]:
        """Return the deployments that were updated in [start, end), the newest first.

        GitLab knows no namespaces: all are returned.
        """
        parts = await asyncio.gather(
            *(self._of(project, start, end) for project in self._settings.projects)
        )
        found = [one for part in parts for one in part if start <= one.time < end]
        return sorted(found, key=lambda one: one.time, reverse=True)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        url = self._settings.url
        return [
            await deployments_listed("gitlab", url, project, partial(self._newest, project))
            for project in self._settings.projects
        ]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _newest(self, project: str) -> list[Json]:
        found = await self._http.get(_path(project), {"per_page": 1})
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._malformed("no list of deployments")
        return found

    async def _of(self, project: str, start: datetime, end: datetime) -> list[Delivery]:
        params: dict[str, Value] = {
            "per_page": _PAGE,
            "order_by": "updated_at",
            "sort": "desc",
            "updated_after": _iso(start),
            "updated_before": _iso(end),
        }
        if self._settings.environment:
            params["environment"] = self._settings.environment
        found: list[Delivery] = []
        for page in range(1, _MAX_PAGES + 1):
            body = await self._http.get(_path(project), {**params, "page": page})
            if not isinstance(body, list):
                raise self._malformed("no list of deployments")
            try:
                found += [_delivery(project, item) for item in body]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._malformed("a deployment of another shape") from error
            if len(body) < _PAGE:
                break
        return found

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("GitLab", self._settings.url, why)


def _path(project: str) -> str:
    return f"/api/v4/projects/{quote(project.strip('/ '), safe='')}/deployments"


def _delivery(project: str, item: Json) -> Delivery:
    job = item.get("deployable") or {}
    commit = job.get("commit") or {}
    finished = job.get("finished_at") or item.get("updated_at") or item["created_at"]
    text = f"GitLab deployed {item.get('ref', '?')} ({str(item.get('sha') or '')[:12]})"
    text += (
        f" to {(item.get('environment') or {}).get('name') or 'an environment'}: {item['status']}"
    )
    if commit.get("title"):
        text += f"; {' '.join(str(commit['title']).split())[:200]}"
    return Delivery(
        datetime.fromisoformat(finished),
        "",
        f"project {project}",
        text,
        names=(project.rstrip("/").rpartition("/")[2],),
        author=str((item.get("user") or {}).get("username") or ""),
        url=str(job.get("web_url") or (item.get("environment") or {}).get("external_url") or ""),
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
