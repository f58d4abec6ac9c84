"""Quality of search against labelled queries: `python -m benchmarks.retrieval_quality`.

Options: `--folder DIR` keeps the index between runs, `--split dev|held`, `--only NAME,…`. All corpora are
in one index, with the past incidents of the demo as distractors. Every number is a mean over the queries of
a set, with its bootstrap 95 % interval where it says so. Weights are chosen on `dev` only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.ranking_metrics import NAMES, interval, measures
from benchmarks.retrieval_methods import CONVEX, FINAL, RANK_FUSIONS, SINGLE, methods
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables

ROOT = Path(__file__).parent / "corpora" / "retrieval"
PAST = Path(__file__).parents[1] / "eval" / "knowledge" / "incidents"
NOW = datetime(2026, 3, 4, tzinfo=UTC)
AIMS = (("the best single", 4.0, SINGLE), ("RRF", 3.0, RANK_FUSIONS), ("CC", 1.0, CONVEX))
Measured = dict[str, dict[str, list[tuple[float, ...]]]]
"""Measures of each query by method and set."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A query and the documents that answer it, by path below the corpora's folder."""

    id: str
    set: str
    split: str
    text: str
    relevant: dict[str, float]


def queries(root: Path = ROOT) -> list[Labelled]:
    lines = (root / "queries.jsonl").read_text("utf-8").splitlines()
    return [
        Labelled(
            each["id"],
            each["set"],
            each["split"],
            each["query"],
            {str(root / path): 1.0 for path in each["relevant"]},
        )
        for each in map(json.loads, lines)
    ]


def opened(folder: Path) -> KnowledgeIndex:
    """Open the index of all corpora, brought up to date."""
    engine = create_engine(f"sqlite:///{folder}/quality.db")
    create_tables(engine)
    index = KnowledgeIndex.open(engine, folder / "data", vectors="exact")
    index.add([ROOT / "runbooks", ROOT / "incidents", PAST], NOW)
    index.refresh(NOW)
    return index


def measured(index: KnowledgeIndex, labelled: Sequence[Labelled], only: set[str]) -> Measured:
    table: Measured = {}
    for name, method in methods(index).items():
        if only and name not in only:
            continue
        sets: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for each in labelled:
            sets[each.set].append(measures(method(each.text), each.relevant))
        sets["all"] = [values for name in list(sets) for values in sets[name]]
        table[name] = sets
    return table


def mean(rows: Sequence[tuple[float, ...]], at: int) -> float:
    return sum(row[at] for row in rows) / len(rows)


def lines(split: str, table: Measured) -> Iterator[str]:
    """Yield the results of a split as Markdown."""
    names = list(next(iter(table.values())))
    for each in ["all", *(name for name in names if name != "all")]:
        yield f"\n### {split}, {each}: {len(next(iter(table.values()))[each])} queries\n"
        yield "| method | " + " | ".join(NAMES) + " | nDCG@10, 95 % |"
        yield "|---" * (len(NAMES) + 2) + "|"
        for method, sets in table.items():
            rows = sets[each]
            low, high = interval([row[-1] for row in rows])
            numbers = " | ".join(f"{mean(rows, at):.3f}" for at in range(len(NAMES)))
            yield f"| {method} | {numbers} | {low:.3f}–{high:.3f} |"


def gains(split: str, table: Measured) -> Iterator[str]:
    """Yield what the final method gains on each kind of others, and how sure that is."""
    final = [row[-1] for row in table[FINAL]["all"]]
    yield ""
    for label, aim, others in AIMS:
        best = max(others, key=lambda name: mean(table[name]["all"], -1))
        differences = [
            100 * (ours - row[-1]) for ours, row in zip(final, table[best]["all"], strict=True)
        ]
        low, high = interval(differences)
        gain = sum(differences) / len(differences)
        yield (
            f"- {split}: final against {label} ({best}): {gain:+.1f} points nDCG@10 "
            f"({low:+.1f} to {high:+.1f}), aim {aim:+.0f}"
        )
    night = mean(table[FINAL]["night"], NAMES.index("MRR"))
    yield f"- {split}: colloquial (night) MRR {night:.3f}, aim 0.65"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval_quality")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--split", choices=("dev", "held"))
    parser.add_argument("--only", default="")
    chosen = parser.parse_args(arguments)
    only = {name for name in chosen.only.split(",") if name}
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        index = opened(folder)
        state = index.status()
        print(f"{state.documents} documents, {state.chunks} passages")
        for split in (chosen.split,) if chosen.split else ("dev", "held"):
            labelled = [each for each in queries() if each.split == split]
            table = measured(index, labelled, only)
            print("\n".join(lines(split, table)))
            if not only:
                print("\n".join(gains(split, table)))
        index.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
