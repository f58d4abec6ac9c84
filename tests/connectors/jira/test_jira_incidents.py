"""The Jira connector against loopback servers that speak Cloud's API 3 and Data Center's API 2 (9.12)."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.api.errors import SourceForbidden, SourceRejected
from connectors.jira import JiraIncidents, JiraSettings
from connectors.jira.results import text_of
from tests.loopback.atlassian_server import JiraServer

LOGIN = {"username": "me@example.com", "password": "api-token"}


def paragraph(text: str) -> Any:
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}


def document(*content: Any) -> Any:
    return {"type": "doc", "version": 1, "content": list(content)}


def issue(number: int, *, cloud: bool) -> Any:
    description = "The pool was too small."
    comments = ["Raised it.", "It held."]
    return {
        "key": f"INC-{number}",
        "fields": {
            "summary": "Checkout was slow",
            "description": document(paragraph(description)) if cloud else description,
            "created": "2026-02-01T03:10:00.000+0000",
            "resolutiondate": "2026-02-01T05:00:00.000+0000",
            "resolution": {"name": "Fixed"},
            "priority": {"name": "P1"},
            "components": [{"name": "checkout"}, {"name": "db"}],
            "labels": ["pool"],
            "comment": {
                "comments": [
                    {"body": document(paragraph(text)) if cloud else text} for text in comments
                ]
            },
        },
    }


@pytest.mark.parametrize("cloud", [True, False])
async def test_issues_become_past_incidents(cloud: bool) -> None:
    issues = [issue(number, cloud=cloud) for number in range(120)]
    async with JiraServer(issues, cloud=cloud) as server:
        source = JiraIncidents(JiraSettings(server.url, **LOGIN))
        found = (await source.documents()).documents
        [row] = await source.check()
        await source.close()
        assert row.ok
    assert len(found) == 120
    first = found[0]
    assert (first.path, first.kind) == ("INC-0.md", "incident")
    assert first.content == (
        "# Checkout was slow\n\nThe pool was too small.\n\n## Comments\n\nRaised it.\n\nIt held."
    )
    assert first.metadata == {
        "id": "INC-0",
        "title": "Checkout was slow",
        "kind": "incident",
        "date": "2026-02-01",
        "resolved": "2026-02-01",
        "resolution": "Fixed",
        "severity": "P1",
        "services": "checkout, db",
        "labels": "pool",
        "url": f"{server.url}/browse/INC-0",
    }
    asked = [request for request in server.requests if "search" in request.path][-1]
    assert asked.query["jql"].endswith("ORDER BY created DESC")


async def test_only_so_many_and_a_bad_query() -> None:
    async with JiraServer([issue(n, cloud=True) for n in range(120)], cloud=True) as server:
        source = JiraIncidents(JiraSettings(server.url, **LOGIN, most=70))
        assert len((await source.documents()).documents) == 70
        await source.close()
        source = JiraIncidents(JiraSettings(server.url, **LOGIN, query="badfield = 1"))
        with pytest.raises(SourceRejected, match="'badfield' does not exist"):
            await source.documents()
        [row] = await source.check()
        assert not row.ok
        await source.close()
        source = JiraIncidents(JiraSettings(server.url, token="x"))
        with pytest.raises(SourceForbidden, match="You do not have permission"):
            await source.documents()
        await source.close()
    with pytest.raises(ValueError, match="JQL"):
        JiraSettings("https://x.example.com", query=" ")


def test_the_document_format_becomes_markdown() -> None:
    code = {"type": "codeBlock", "content": [{"type": "text", "text": "kubectl get pods"}]}
    heading = {
        "type": "heading",
        "attrs": {"level": 2},
        "content": [{"type": "text", "text": "Fix"}],
    }
    items = [{"type": "listItem", "content": [paragraph(text)]} for text in ("one", "two")]
    mention = {"type": "mention", "attrs": {"text": "@ada"}}
    body = document(heading, {"type": "bulletList", "content": items}, code,
                    {"type": "paragraph", "content": [mention, {"type": "hardBreak"}]})  # fmt: skip
    assert text_of(body) == "### Fix\n\n- one\n- two\n```\nkubectl get pods\n```\n\n@ada"
    assert text_of(None) == ""
