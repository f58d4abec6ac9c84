"""The Confluence connector against a loopback server that speaks its REST API."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.api.errors import SourceForbidden
from connectors.confluence import ConfluencePages, ConfluenceSettings
from tests.loopback.atlassian_server import ConfluenceServer

LOGIN = {"username": "me@example.com", "password": "api-token"}


def page(number: int, text: str = "<h2>Steps</h2><p>Restart it.</p>", space: str = "OPS") -> Any:
    return {
        "id": str(number),
        "type": "page",
        "title": f"Checkout & cart {number}",
        "space": {"key": space},
        "version": {"number": 2},
        "body": {"export_view": {"value": text, "representation": "export_view"}},
    }


async def test_pages_become_html_documents() -> None:
    pages = [page(number) for number in range(120)] + [page(500, space="HR"), page(501, text="  ")]
    async with ConfluenceServer(pages) as server:
        settings = ConfluenceSettings(
            f"{server.url}/wiki", **LOGIN, spaces=("OPS",), label="oncall"
        )
        source = ConfluencePages(settings)
        found = await source.documents()
        [row] = await source.check()
        await source.close()
    assert len(found.documents) == 120
    assert found.skipped == (("Checkout & cart 501", "no text in it"),)
    first = found.documents[0]
    assert (first.path, first.kind) == ("0.html", "runbook")
    assert "<title>Checkout &amp; cart 0</title>" in first.content
    assert "<p>Restart it.</p>" in first.content
    assert row.ok
    query = server.requests[0].query["cql"]
    assert query == (
        'type = page and space in ("OPS") and label = "oncall" order by lastmodified desc'
    )


async def test_no_more_pages_than_asked_for() -> None:
    async with ConfluenceServer([page(number) for number in range(120)]) as server:
        settings = ConfluenceSettings(f"{server.url}/wiki", **LOGIN, spaces=("OPS",), most=60)
        source = ConfluencePages(settings)
        found = await source.documents()
        await source.close()
    assert len(found.documents) == 60
    assert found.skipped == (("the rest", "only the 60 latest pages are read"),)


async def test_doctor_and_refusals() -> None:
    async with ConfluenceServer([]) as server:
        source = ConfluencePages(ConfluenceSettings(f"{server.url}/wiki", **LOGIN, spaces=("OPS",)))
        [row] = await source.check()
        assert (row.ok, "check spaces" in row.repair) == (False, True)
        await source.close()
        source = ConfluencePages(ConfluenceSettings(f"{server.url}/wiki", token="x", spaces=("A",)))
        with pytest.raises(SourceForbidden):
            await source.documents()
        await source.close()
    for bad in ({}, {"spaces": ('A" or space = "B',)}, {"label": "a\\"}):
        with pytest.raises(ValueError, match=r"spaces|quotes"):
            ConfluenceSettings("https://x.example.com/wiki", **bad)
