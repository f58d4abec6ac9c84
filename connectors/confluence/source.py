"""Confluence's pages as a source of documents, by the REST API that Cloud and Data Center share."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from connectors.api.errors import ConnectorError
from connectors.api.health import failed
from connectors.api.http import HttpClient, Value
from connectors.api.http_failures import malformed
from connectors.api.values import Check, Documents, RemoteDocument
from connectors.confluence.settings import ConfluenceSettings

_PAGE = 50


class ConfluencePages:
    """Pages of some spaces. Fits `DocumentSource`."""

    def __init__(self, settings: ConfluenceSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"confluence ({self._settings.url})"

    async def documents(self) -> Documents:
        """Return the pages, as they are rendered, in HTML. Raises `ConnectorError`."""
        found: list[RemoteDocument] = []
        skipped: list[tuple[str, str]] = []
        most = self._settings.most
        for start in range(0, most, _PAGE):
            size = min(_PAGE, most - start)
            body = await self._search(start, size, "body.export_view,version")
            try:
                items = body["results"]
                for item in items:
                    page = _document(item, self._settings)
                    if page is None:
                        skipped.append((str(item.get("title", item["id"])), "no text in it"))
                    else:
                        found.append(page)
            except (KeyError, TypeError, AttributeError) as error:
                raise self._malformed("a page of another shape") from error
            if len(items) < size:
                break
        else:
            skipped.append(("the rest", f"only the {most} latest pages are read"))
        return Documents(tuple(found), tuple(skipped))

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            body = await self._search(0, 1, "version")
            count = len(body["results"])
        except ConnectorError as error:
            return [failed("confluence", error)]
        except (KeyError, TypeError):
            return [failed("confluence", self._malformed("no list of pages"))]
        if not count:
            repair = "check spaces and label, and that the account may read them"
            return [Check("confluence", False, f"{self.name} shows no page", repair)]
        return [Check("confluence", True, f"{self.name} shows pages")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _search(self, start: int, limit: int, expand: str) -> Any:
        own = self._settings
        conditions = ["type = page"]
        if own.spaces:
            conditions.append(_in(own.spaces))
        if own.label:
            conditions.append(f'label = "{own.label}"')
        query = f"{' and '.join(conditions)} order by lastmodified desc"
        params: dict[str, Value] = {"cql": query, "start": start, "limit": limit, "expand": expand}
        body = await self._http.get("/rest/api/content/search", params)
        if not isinstance(body, dict) or not isinstance(body.get("results"), list):
            raise self._malformed("no list of pages")
        return body

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Confluence", self._settings.url, why)


def _in(spaces: Sequence[str]) -> str:
    return "space in (" + ", ".join(f'"{space}"' for space in spaces) + ")"


def _document(item: dict[str, Any], settings: ConfluenceSettings) -> RemoteDocument | None:
    text = str(item["body"]["export_view"]["value"])
    if not text.strip():
        return None
    title = html.escape(str(item["title"]))
    page = f"<html><head><title>{title}</title></head><body>{text}</body></html>"
    return RemoteDocument(f"{int(item['id'])}.html", page, settings.kind)
