"""Does search find that it happened before? `python -m benchmarks.time_travel [--write]`.

The incidents of `benchmarks/corpora/recommend` are replayed in their order. Each is searched for, by what was known
when it was reported (title, summary, service), before it is added itself; the true recurrences say which earlier ones had
the same cause. A stale index knows only what is older than so many days. Reported on the second year, since
the corpus is to be tuned on the first.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from retrieval.incidents import Circumstances
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables
from retrieval.values import DocumentKind

CORPUS = Path(__file__).parent / "corpora" / "recommend"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "knowledge.md"
FIRST = datetime(2024, 7, 1, tzinfo=UTC)
STALE = (0, 7, 30, 90)
DEPTH = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rank of the first true recurrence, 0 when none was found; `known`: whether the index held one."""

    rank: int
    known: bool


def incidents() -> list[dict[str, Any]]:
    """Return the incidents in order of time, each with a `when`."""
    lines = (CORPUS / "incidents.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    for each in found:
        each["when"] = datetime.fromisoformat(each["date"])
    return sorted(found, key=lambda each: each["when"])


def recurrences() -> dict[str, set[str]]:
    """Return the earlier incidents with the same cause by incident."""
    lines = (CORPUS / "recurrences.jsonl").read_text("utf-8").splitlines()
    return {row["id"]: set(row["same_cause_as"]) for row in map(json.loads, lines)}


def replay(stale_days: int, *, again: bool) -> list[Outcome]:
    """Search for each recurrence of the second year before it is known; `again` uses age and recurrence."""
    truth = recurrences()
    waiting = incidents()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        engine = create_engine(f"sqlite:///{root}/knowledge.db")
        create_tables(engine)
        with KnowledgeIndex.open(engine, root / "data", builtin=False, vectors="exact") as index:
            added: set[str] = set()
            for each in incidents():
                while waiting and waiting[0]["when"] < each["when"] - timedelta(days=stale_days):
                    added.add(_add(index, waiting.pop(0)))
                if each["when"] < FIRST or each["id"] not in truth:
                    continue
                query = f"{each['title']}. {each['summary']} {each['service']}"
                today = Circumstances(each["when"]) if again else None
                hits = index.search_now(query, kind=DocumentKind.INCIDENT, limit=DEPTH, today=today)
                ranks = (
                    rank
                    for rank, hit in enumerate(hits, 1)
                    if hit.metadata.get("id") in truth[each["id"]]
                )
                outcomes.append(Outcome(next(ranks, 0), bool(truth[each["id"]] & added)))
        engine.dispose()
    return outcomes


def _add(index: KnowledgeIndex, each: dict[str, Any]) -> str:
    text = (
        f"## What was seen\n\n{each['summary']}\n\n## Root cause\n\n{each['root_cause']}\n\n"
        f"## Mitigation\n\n{each['mitigation']}\n"
    )
    known = {
        "date": each["date"],
        "services": each["service"],
        "cause": each["root_cause"],
        "fix": each["mitigation"],
    }
    index.accept(each["id"], each["title"], text, known, each["when"])
    return str(each["id"])


def interval(outcomes: Sequence[Outcome], rounds: int = 2000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of recall."""
    chance = random.Random(1)
    found = [float(each.rank > 0) for each in outcomes]
    means = sorted(statistics.mean(chance.choices(found, k=len(found))) for _ in range(rounds))
    return means[rounds // 40], means[-rounds // 40]


def row(label: str, outcomes: Sequence[Outcome]) -> str:
    """Return a row of the table."""
    low, high = interval(outcomes)
    recall = statistics.mean(each.rank > 0 for each in outcomes)
    mrr = statistics.mean(1 / each.rank if each.rank else 0.0 for each in outcomes)
    known = statistics.mean(each.known for each in outcomes)
    return f"| {label} | {recall:.3f} | {low:.3f}–{high:.3f} | {mrr:.3f} | {known:.3f} |"


def report() -> str:
    """Return the results as Markdown."""
    fresh = replay(0, again=False)
    rows = [row("fresh", fresh), row("fresh, with age and recurrence", replay(0, again=True))]
    rows += [row(f"stale by {days} days", replay(days, again=False)) for days in STALE[1:]]
    return "\n".join(
        [
            "# Time travel",
            "",
            f"205 incidents of two years, replayed in their order; the {len(fresh)} of the second year whose cause had occurred before",
            "are each searched by title, summary and service before they are added. Found: an earlier incident of the same cause is",
            f"among the first {DEPTH}. Findable: the index held one at all, the most that search could reach.",
            "",
            "    python -m benchmarks.time_travel --write",
            "",
            f"| index | recall@{DEPTH} | 95 % | MRR@{DEPTH} | findable |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_travel")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} too")
    chosen = parser.parse_args(arguments)
    text = report()
    print(text)
    if chosen.write:
        RESULTS.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
