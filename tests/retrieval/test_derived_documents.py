from __future__ import annotations

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
    assert index.status().documents == 5
