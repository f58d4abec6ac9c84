"""Ticket-only mode reads the whole of a past incident, whatever passage of it was found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from copilot.agent.recommend import from_retrieval
from copilot.sessions.database import open_database
from copilot.sessions.finetuning import split
from copilot.sessions.recommending import whole
from retrieval.documents import Document
from retrieval.knowledge import KnowledgeIndex
from retrieval.values import DocumentKind

INCIDENT = """---
id: INC-7
date: 2025-03-01
---
# Telemetry is late

## Summary

Partition 7 is hot.

## Root cause

Devices of one tenant share the partition key.

## Mitigation

The tenant was moved to a unit of its own.
"""


def test_cause_and_fix_come_from_the_whole_document(tmp_path: Path) -> None:
    folder = tmp_path / "incidents"
    folder.mkdir()
    (folder / "inc-7.md").write_text(INCIDENT, encoding="utf-8")
    now = datetime(2026, 3, 4, tzinfo=UTC)
    engine = open_database(f"sqlite:///{tmp_path}/state.db")
    index = KnowledgeIndex.open(engine, tmp_path / "data", builtin=False)
    try:
        index.add([folder], now)
        hits = index.search_now("Telemetry is late", kind=DocumentKind.INCIDENT, limit=3)
        found = from_retrieval("Telemetry is late", whole(engine, hits))
    finally:
        index.close()
        engine.dispose()
    assert found.causes[0].text == "Devices of one tenant share the partition key."
    assert found.causes[0].sources == ("INC-7",)
    assert found.mitigations[0].text == "The tenant was moved to a unit of its own."


def test_a_title_that_tells_the_cause_teaches_nothing() -> None:
    told = "Devices of one tenant share a partition key"
    documents = [
        Document(
            path=f"{n}.md",
            file=f"{n}.md",
            kind=DocumentKind.INCIDENT,
            title=title,
            text=INCIDENT,
            metadata={"date": f"2025-03-0{n}", "id": f"INC-{n}"},
        )
        for n, title in enumerate(("Telemetry is late", told, "Lag of 15 min"), 1)
    ]
    made = split(documents, 0.5)
    assert made.left_out == {"its title tells the cause": 1}
    assert len(made.train) + len(made.valid) == 2
