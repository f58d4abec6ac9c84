"""How often ticket-only mode names the true cause: `python -m benchmarks.recommend`.

Every incident of `corpora/recommend` whose cause had occurred before is asked for by its title and summary
alone, and only incidents before it may answer. Counted is whether an incident of the same cause is among
the first five retrieved, and whether its cause is among the five causes recommended, which come from the
twelve best documents. No model. Word statistics of the index are those of all incidents.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from copilot.agent.recommend import MOST, from_retrieval, name
from copilot.sessions.recommending import whole
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables
from retrieval.values import DocumentKind, Hit

FOLDER = Path(__file__).parent / "corpora" / "recommend"
SPLIT = "2024-07"
NOW = datetime(2026, 3, 4, tzinfo=UTC)
RETRIEVED = 12


def lines(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / file).read_text("utf-8").splitlines()]


def write(incidents: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write each incident as teams keep them: front matter and sections."""
    for one in incidents:
        (folder / f"{one['id']}.md").write_text(
            f"---\nid: {one['id']}\ndate: {one['date'][:10]}\nkind: incident\n---\n# {one['title']}\n\n"
            f"## Summary\n\n{one['summary']}\n\nService: {one['service']}\n\n"
            f"## Root cause\n\n{one['root_cause']}\n\n## Mitigation\n\n{one['mitigation']}\n",
            encoding="utf-8",
        )


def places(index: KnowledgeIndex, query: str, before: str, dates: dict[str, str]) -> list[Hit]:
    """Return what was known before a date, best first."""
    hits = index.search_now(query, kind=DocumentKind.INCIDENT, limit=len(dates))
    return [hit for hit in hits if dates.get(name(hit), "9") < before]


def main() -> None:
    incidents = lines("incidents.jsonl")
    dates = {one["id"]: one["date"] for one in incidents}
    by_id = {one["id"]: one for one in incidents}
    asked = lines("recurrences.jsonl")
    with tempfile.TemporaryDirectory() as told:
        folder = Path(told)
        (folder / "incidents").mkdir()
        write(incidents, folder / "incidents")
        engine = create_engine(f"sqlite:///{folder}/recommend.db")
        create_tables(engine)
        index = KnowledgeIndex.open(engine, folder / "data", vectors="exact")
        try:
            index.add([folder / "incidents"], NOW)
            index.refresh(NOW)
            print(
                "| recurrences | asked by | retrieved@1 | retrieved@5 | cause among the five | MRR |"
            )
            print("| --- | --- | --- | --- | --- | --- |")
            for period, wanted in (("before", False), ("from", True)):
                some = [one for one in asked if (dates[one["id"]] >= SPLIT) == wanted]
                for fields in (("title",), ("title", "summary")):
                    row = measured(index, engine, some, by_id, dates, fields)
                    print(f"| {len(some)} {period} {SPLIT} | {' and '.join(fields)} | {row} |")
        finally:
            index.close()
            engine.dispose()


def measured(
    index: KnowledgeIndex,
    engine: Engine,
    some: Sequence[dict[str, Any]],
    by_id: dict[str, dict[str, Any]],
    dates: dict[str, str],
    fields: Sequence[str],
) -> str:
    first = five = caused = 0
    reciprocal = 0.0
    for one in some:
        query = ". ".join(by_id[one["id"]][field] for field in fields)
        hits = places(index, query, dates[one["id"]], dates)
        truth = set(one["same_cause_as"])
        rank = next((n for n, hit in enumerate(hits, 1) if name(hit) in truth), 0)
        first += rank == 1
        five += 0 < rank <= MOST
        reciprocal += 1 / rank if rank else 0.0
        said = from_retrieval(query, whole(engine, hits[:RETRIEVED])).causes
        caused += any(truth & set(cause.sources) for cause in said)
    count = len(some)
    shares = " | ".join(f"{hits / count:.3f} ({hits}/{count})" for hits in (first, five, caused))
    return f"{shares} | {reciprocal / count:.3f}"


if __name__ == "__main__":
    main()
