"""Jira's issues as past incidents, by the REST API of Cloud (3) or, where it is not there, Data Center (2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.api.health import failed
from connectors.api.http import HttpClient
from connectors.api.http_failures import malformed
from connectors.api.values import Check, Documents
from connectors.jira.results import to_document
from connectors.jira.settings import JiraSettings

_PAGE = 50
_FIELDS = (
    *("summary", "description", "created", "resolutiondate", "resolution", "status", "priority"),
    *("labels", "components", "comment", "issuetype"),
)


class JiraIncidents:
    """The issues that a query finds. Fits `DocumentSource`."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"jira ({self._settings.url})"

    async def documents(self) -> Documents:
        """Return the issues with their comments, as Markdown. Raises `ConnectorError`."""
        issues = await self._issues(self._settings.most)
        try:
            return Documents(tuple(to_document(issue, self._settings.url) for issue in issues))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._malformed("an issue of another shape") from error

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            found = await self._issues(1)
        except ConnectorError as error:
            return [failed("jira", error)]
        if not found:
            repair = "check jira.query, and that the account may see the project"
            return [Check("jira", False, f"{self.name}: the query finds no issue", repair)]
        return [Check("jira", True, f"{self.name}: the query finds issues")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _issues(self, most: int) -> list[dict[str, Any]]:
        try:
            return await self._cloud(most)
        except SourceMissing:
            return await self._data_center(most)

    async def _cloud(self, most: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        params: dict[str, str | int] = {"jql": self._jql(), "fields": ",".join(_FIELDS)}
        while len(found) < most:
            params["maxResults"] = min(_PAGE, most - len(found))
            body = await self._http.get("/rest/api/3/search/jql", params)
            found += self._list(body)
            token = body.get("nextPageToken")
            if not token:
                break
            params["nextPageToken"] = str(token)
        return found[:most]

    async def _data_center(self, most: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        params: dict[str, str | int] = {"jql": self._jql(), "fields": ",".join(_FIELDS)}
        while len(found) < most:
            params |= {"startAt": len(found), "maxResults": min(_PAGE, most - len(found))}
            body = await self._http.get("/rest/api/2/search", params)
            items = self._list(body)
            found += items
            if not items or len(found) >= int(body.get("total", 0)):
                break
        return found[:most]

    def _jql(self) -> str:
        query = self._settings.query
        return query if " order by " in query.lower() else f"{query} ORDER BY created DESC"

    def _list(self, body: Any) -> list[dict[str, Any]]:
        if not isinstance(body, dict) or not isinstance(body.get("issues"), list):
            raise self._malformed("no list of issues")
        return list(body["issues"])

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Jira", self._settings.url, why)
