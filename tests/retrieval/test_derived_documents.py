from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.derived_documents import (
    CallEdge,
    ExamplePath,
    Meaning,
    SeenTemplate,
    dependents,
    known_incidents,
    service_documents,
    template_document,
)
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from conftest import OpenIndex, WordEmbedder

EDGES = (
    CallEdge("gateway", "orders", 900, 0.01, 40, 120),
    CallEdge("orders", "stock", 400, 0.0, 12, 30),
    CallEdge("reports", "stock", 20, 0.0, 12, 30),
    CallEdge("stock", "stock-db", 400, 0.02, 3, 250),
    CallEdge("stock-db", "stock", 1),
)
SLOW = ExamplePath(("gateway", "orders", "stock", "stock-db"), "4bf92f", 5012.0, "", ("INC-7",))
SEEN = SeenTemplate(
    "stock",
    "lease on shard <*> lost, giving up leadership",
    12,
    ("lease on shard 4 lost, giving up leadership",),
    (Meaning("INC-7", "Stock froze", "2026-01-05", "a full disk", "grew the volume"),),
)


def test_all_paths_to_a_service_break_with_it() -> None:
    assert dependents("stock-db", EDGES) == [
        ("reports", "stock", "stock-db"),
        ("gateway", "orders", "stock", "stock-db"),
    ]
    assert dependents("gateway", EDGES) == []


def test_which_path_breaks_is_found(
    opened: OpenIndex, library: Path, words: WordEmbedder, now: datetime
) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    assert index.put(service_documents(EDGES, [SLOW]), now).added == 5
    best = index.search_now("which path breaks when stock-db is slow?")[0]
    assert best.title == "Dependencies of stock-db"
    assert "gateway → orders → stock → stock-db" in best.text
    assert known_incidents(best.metadata) == ["INC-7"]


def test_a_template_tells_what_it_meant(opened: OpenIndex, now: datetime) -> None:
    index = opened(vectors="exact")
    index.put([template_document(SEEN)], now)
    best = index.search_now("lease on shard 9 lost, giving up leadership")[0]
    assert known_incidents(best.metadata) == ["INC-7"]
    meant = index.search_now("seen before, and then it meant: stock froze")[0]
    assert "INC-7 (2026-01-05) Stock froze: a full disk; fixed by: grew the volume" in meant.text


def test_the_same_values_are_stored_once(
    opened: OpenIndex, words: WordEmbedder, now: datetime
) -> None:
    index = opened(vectors="exact")
    documents = [template_document(SEEN), *service_documents(EDGES, [SLOW])]
    index.put(documents, now)
    revision, embedded = index.status().revision, len(words.texts)
    report = index.put(documents, now)
    assert (report.added, report.updated, report.unchanged) == (0, 0, 6)
    assert (index.status().revision, len(words.texts)) == (revision, embedded)
    assert index.refresh(now).removed == 0
    index.remove(Path("traces/stock"))
    assert (index.status().telemetry, index.status().documents) == (5, 0)


def test_telemetry_neither_fills_a_list_nor_counts_as_a_runbook(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    lines = [f"volume {word} is full, no free space for writes" for word in "abcdefgh"]
    index.put([template_document(SeenTemplate("stock", line)) for line in lines], now)
    hits = index.search_now("volume is full, no free space", limit=6)
    assert [hit.kind for hit in hits[:3]].count(DocumentKind.TELEMETRY) == 2
    assert "Volume is filling up" in [hit.title for hit in hits[:4]]
    runbooks = index.search_now("volume is full", kind=DocumentKind.RUNBOOK, limit=10)
    assert {hit.kind for hit in runbooks} == {DocumentKind.RUNBOOK}
    only = index.search_now("volume is full", kind=DocumentKind.TELEMETRY, limit=10)
    assert len(only) == 8


def test_what_is_put_for_later_is_found_by_words_and_embedded_behind(
    opened: OpenIndex, words: WordEmbedder, now: datetime
) -> None:
    index = opened(vectors="exact")
    documents = service_documents(EDGES, [SLOW])
    assert index.put(documents, now, later=True).added == 5
    assert words.texts == []
    words.gate = gate = threading.Event()
    hits = index.search_now("which path breaks when stock-db is slow?")
    assert "Dependencies of stock-db" in [hit.title for hit in hits]
    gate.set()
    assert index._mending.wait(30)
    assert index.status().stale == 0


def test_there_is_an_end_to_what_is_kept(opened: OpenIndex, now: datetime) -> None:
    index = opened(vectors="exact")
    many = [template_document(SeenTemplate("stock", f"error {word}")) for word in "abcdef"]
    assert index.put(many, now, most=4).added == 4
    changed = template_document(SeenTemplate("stock", "error a", 1, ("error a",)))
    assert index.put([*many, changed], now, most=4).updated == 1
    assert index.status().telemetry == 4


def test_a_profile_that_is_nearly_the_same_is_the_same_document() -> None:
    before = service_documents([CallEdge("a", "b", 9, 0.02, 12, 31)])
    after = service_documents([CallEdge("a", "b", 7, 0.024, 11, 28)])
    slow = service_documents([CallEdge("a", "b", 7, 0.024, 110, 280)])
    assert [each.content_hash for each in before] == [each.content_hash for each in after]
    assert before[0].content_hash != slow[0].content_hash
    assert "p95 about 30 ms, about 3 % of calls fail" in before[0].text
