"""The deployments of GitHub (REST API 2022-11-28), GitLab (API v4 of 17.2) and Argo CD (API v1 of 2.12) on loopback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from tests.loopback.rest_server import Handler, RestServer, page_of

Json = dict[str, Any]


class GitHubServer(RestServer):
    """`deployments` by "owner/name", newest first; `statuses` by the deployment's id, newest first."""

    def __init__(
        self, deployments: Mapping[str, Sequence[Json]], statuses: Mapping[int, Sequence[Json]]
    ) -> None:
        super().__init__({"Authorization": "Bearer gh-token"})
        self._deployments, self._statuses = deployments, statuses

    def routes(self) -> Mapping[str, Handler]:
        base = "/repos/{owner}/{name}/deployments"
        return {base: self._list, base + "/{id}/statuses": self._states}

    async def _list(self, request: web.Request) -> web.Response:
        if request.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            return web.json_response({"message": "Unsupported version"}, status=400)
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        if name not in self._deployments:
            return web.json_response({"message": "Not Found", "status": "404"}, status=404)
        wanted = request.query.get("environment")
        found = [d for d in self._deployments[name] if wanted in (None, d["environment"])]
        return web.json_response(page_of(request, found))

    async def _states(self, request: web.Request) -> web.Response:
        return web.json_response(list(self._statuses.get(int(request.match_info["id"]), ())))


class GitLabServer(RestServer):
    """`deployments` by the project's path; sorted and filtered as the query asks."""

    refusal: ClassVar[Any] = {"message": "401 Unauthorized"}

    def __init__(self, deployments: Mapping[str, Sequence[Json]]) -> None:
        super().__init__({"Authorization": "Bearer gl-token"})
        self._deployments = deployments

    def routes(self) -> Mapping[str, Handler]:
        return {"/api/v4/projects/{project}/deployments": self._list}

    async def _list(self, request: web.Request) -> web.Response:
        query, name = request.query, request.match_info["project"]
        if name not in self._deployments:
            return web.json_response({"message": "404 Project Not Found"}, status=404)
        found = [
            item
            for item in self._deployments[name]
            if query.get("environment") in (None, item["environment"]["name"])
            and ("updated_after" not in query or _time(query["updated_after"]) <= _time(item["updated_at"]))
            and ("updated_before" not in query or _time(item["updated_at"]) <= _time(query["updated_before"]))
        ]  # fmt: skip
        if query.get("order_by") == "updated_at":
            found.sort(key=lambda item: item["updated_at"], reverse=query.get("sort") == "desc")
        return web.json_response(page_of(request, found))


class ArgoServer(RestServer):
    """`applications` as argoproj.io/v1alpha1 objects."""

    refusal: ClassVar[Any] = {
        "error": "no session information",
        "code": 16,
        "message": "no session information",
    }

    def __init__(self, applications: Sequence[Json] | None) -> None:
        super().__init__({"Authorization": "Bearer argo-token"})
        self._applications = applications

    def routes(self) -> Mapping[str, Handler]:
        return {"/api/v1/applications": self._list}

    async def _list(self, request: web.Request) -> web.Response:
        items = None if self._applications is None else list(self._applications)
        return web.json_response({"metadata": {"resourceVersion": "7"}, "items": items})


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
