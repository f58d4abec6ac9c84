"""Every kind of fault on every app that it fits: inject, declared symptoms, recover, healthy again.

`python -m benchmarks.fault_matrix --out DIR [--app A] [--kind K] [--limit N] [--report FILE]` goes through them
in emulators, one target a kind and app. What `DIR/rounds.jsonl` has already is not done again: `--limit` does
the next N only, `--again` those that went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.apps.loader import bundled_apps, load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import FAULTS, targets
from tests.eval.faults.rounds import matrix, stays_broken, whole_way

WARMUP_SECONDS = 240
BOOKSHOP = str(Path(__file__).parents[1] / "tests/eval/faults/apps/bookshop.yaml")


@dataclass
class Table:
    """The rounds done so far, one line each; the last of a case counts."""

    path: Path

    def rows(self) -> list[dict[str, Any]]:
        """All rounds."""
        if not self.path.is_file():
            return []
        found = {}
        for line in self.path.read_text("utf-8").splitlines():
            row = json.loads(line)
            found[row["app"], row["kind"]] = row
        return list(found.values())

    def add(self, row: dict[str, Any]) -> None:
        """Note a round."""
        with self.path.open("ab", buffering=0) as file:  # one write: others may append beside it
            file.write((json.dumps(row) + "\n").encode())


async def work(app: str, kinds: Sequence[str], table: Table) -> None:
    """Do rounds of one app in an environment that lives on."""
    loaded = load_app(app)
    places = dict(matrix(loaded))
    environment: Emulator | None = None
    try:
        for kind in kinds:
            began = time.process_time()
            if environment is None:
                environment = await Emulator.start(loaded, warmup_seconds=WARMUP_SECONDS)
            done = await whole_way(environment, kind, places[kind])
            cpu = round(time.process_time() - began, 1)
            row = {"app": loaded.name, "kind": kind, "target": done.target, "wrong": done.wrong}
            table.add({**row, "cpu": cpu})
            print(loaded.name, kind, done.target, done.wrong or "ok", cpu, file=sys.stderr)
            if stays_broken(done):
                broken, environment = environment, None
                await broken.close()
    finally:
        if environment is not None:
            await environment.close()


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The whole report."""
    names = list(dict.fromkeys(row["app"] for row in rows))
    lines = [
        "# Every fault on every app",
        "",
        "Written by `python -m benchmarks.fault_matrix`. Each kind is injected into an emulated app under load, its declared",
        "symptoms are looked for, it is taken back, and everything must be healthy again.",
        "",
        "| app | kinds that fit | come and go as declared |",
        "| --- | ---: | ---: |",
    ]
    for name in names:
        mine = [row for row in rows if row["app"] == name]
        lines.append(f"| {name} | {len(mine)} | {sum(not row['wrong'] for row in mine)} |")
    right = sum(not row["wrong"] for row in rows)
    kinds = {row["kind"] for row in rows}
    lines += [f"| all | {len(rows)} | {right} |", ""]
    lines.append(f"{len(kinds)} of {len(FAULTS)} kinds fit an app.")
    wrong = [row for row in rows if row["wrong"]]
    if wrong:
        lines += ["", "## What is not as declared", ""]
    lines += [
        f"- {r['app']}: `{r['kind']}` on {r['target']}: {'; '.join(r['wrong'])}" for r in wrong
    ]
    lines += ["", "## Where each kind was tried", "", f"| kind | {' | '.join(names)} |"]
    lines.append("| --- " * (len(names) + 1) + "|")
    by_case = {(row["app"], row["kind"]): row for row in rows}
    for kind in FAULTS:
        cells = [_cell(by_case.get((name, kind))) for name in names]
        lines.append(f"| `{kind}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any] | None) -> str:
    return "" if row is None else f"{'✗ ' if row['wrong'] else ''}{row['target']}"


async def main() -> None:
    parser = argparse.ArgumentParser(prog="fault_matrix", description=__doc__)
    parser.add_argument("--app", action="append")
    parser.add_argument("--kind", action="append", choices=list(FAULTS))
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    table = Table(given.out / "rounds.jsonl")
    done = {(row["app"], row["kind"]) for row in table.rows() if not (given.again and row["wrong"])}
    left = given.limit
    for app in given.app or [*bundled_apps(), BOOKSHOP]:
        loaded = load_app(app)
        todo = [k for k in given.kind or FAULTS if targets(k, loaded)]
        if not given.kind:
            todo = [kind for kind in todo if (loaded.name, kind) not in done]
        todo, left = todo[:left], left - len(todo[:left])
        if todo:
            await work(app, todo, table)
    rows = table.rows()
    print(f"{sum(not row['wrong'] for row in rows)} of {len(rows)} rounds as declared")
    if given.report:
        given.report.write_text(markdown(rows), "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
