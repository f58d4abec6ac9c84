"""Search on documents nobody here wrote: `python -m benchmarks.retrieval_foreign [--folder DIR] [--pages 450]`.

The corpus is this machine's manual pages (`benchmarks/manual_pages.py`), so that numbers differ from machine to machine:
they guard against weights that only fit our own corpora. Nothing was chosen on it but the share of neighbouring words.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.manual_pages import Page, pages, queries
from benchmarks.ranking_metrics import interval, measures
from benchmarks.retrieval_methods import methods
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables

NOW = datetime(2026, 3, 4, tzinfo=UTC)
METHODS = ("BM25 whole", "dense whole", "RRF of four", "CC .4", "final")


def opened(root: Path, found: list[Page]) -> KnowledgeIndex:
    """Open an index of the pages, brought up to date."""
    folder = root / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    for page in found:
        (folder / f"{page.file}.md").write_text(f"# {page.name}\n\n{page.text}\n", "utf-8")
    engine = create_engine(f"sqlite:///{root}/foreign.db")
    create_tables(engine)
    index = KnowledgeIndex.open(engine, root / "data", vectors="exact", builtin=False)
    index.add([folder], NOW)
    return index


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval_foreign")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pages", type=int, default=450)
    parser.add_argument("--queries", type=int, default=200, help="at most so many of each kind")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        root = chosen.folder or Path(scratch)
        found = pages(chosen.pages)
        sets: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for each in queries(found):
            sets[each.set].append((each.query, str(root / "pages" / f"{each.file}.md")))
        with opened(root, found) as index:
            state = index.status()
            print(f"{state.documents} pages, {state.chunks} passages")
            print("| queries | method | MRR | nDCG@10 | 95 % |\n|---|---|---|---|---|")
            by_name = methods(index)
            for name, asked in sets.items():
                some = random.Random(1).sample(asked, min(chosen.queries, len(asked)))
                for method in METHODS:
                    rows = [measures(by_name[method](q), {path: 1.0}) for q, path in some]
                    mrr = sum(row[3] for row in rows) / len(rows)
                    gain = sum(row[4] for row in rows) / len(rows)
                    low, high = interval([row[4] for row in rows])
                    print(
                        f"| {name} ({len(some)}) | {method} | {mrr:.3f} | {gain:.3f} | {low:.3f}–{high:.3f} |",
                        flush=True,
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
