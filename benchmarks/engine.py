"""How good the evidence engine is: faults and healthy runs on emulated clusters, with noise.

`python -m benchmarks.engine --table dev|healthy|pairs|apps|kinds|held [--limit N] [--seed S] --out DIR` runs cases; what DIR has
already is not run again. `--again` reasons once more over what was read for the cases in DIR, without running
them, and `--without logs,metrics` leaves sources out of that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from eval.bench import pairs
from eval.bench.case import Kept, Outcome, again, row, run
from eval.bench.measures import measures
from eval.bench.split import HELD_SEEDS, SEEDS, Item, faulty, healthy

RUNS = Path(__file__).parents[1] / "docs/results/engine_runs.jsonl"
UNSEEN = ("apps", "kinds", "held")
"""Tables with something that the engine was not developed on: each run is written down."""
_FIELDS = {f.name for f in fields(Outcome)}


def items(table: str, seeds: Sequence[int], limit: int) -> list[Item]:
    """Return the cases of a table; of the held-out one, as many healthy ones as faulty ones.

    `apps` are the developed kinds on held-out apps, `kinds` the held-out kinds on developed apps.
    """
    if table == "dev":
        return faulty("dev", seeds)[: limit or None]
    if table == "pairs":
        return pairs.items(limit or 40, seeds)
    if table == "healthy":
        return healthy("dev", limit or 200, seeds)
    if table == "apps":
        return faulty("dev", seeds, on="held")[: limit or None]
    if table == "kinds":
        return faulty("held", seeds, on="dev")[: limit or None]
    found = faulty("held", seeds)[: limit or None]
    sound = healthy("held", len(found), seeds)
    return [item for pair in zip(found, sound, strict=True) for item in pair]


def load(path: Path) -> list[Outcome]:
    """Return the outcomes in a file of results; the last of a case counts."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    latest = {r["name"]: r for r in rows}
    return [Outcome(**{k: v for k, v in r.items() if k in _FIELDS}) for r in latest.values()]


async def go(
    wanted: Sequence[Item],
    path: Path,
    keep: Path | None,
    seconds: float,
    *,
    repair: bool = True,
    remember: bool = False,
) -> None:
    """Run the cases that the file does not have yet, for at most so many CPU seconds."""
    from copilot.sessions import assemble  # noqa: F401 - what cannot be imported ends it here

    done = {outcome.name for outcome in load(path) if not outcome.error}
    began = time.process_time()
    for item in wanted:
        if item.name in done:
            continue
        if time.process_time() - began > seconds:
            print("the time is up; call it again to go on", file=sys.stderr)
            return
        try:
            outcome = await run(item, keep=keep, repair=repair, remember=remember)
        except Exception as error:  # noqa: BLE001 - one case that breaks is a result, not an end
            traceback.print_exc()
            outcome = Outcome(item.app, item.kind, item.target, item.seed)
            outcome.error = f"{type(error).__name__}: {error}"
        with path.open("a") as file:
            file.write(json.dumps(row(outcome)) + "\n")
        print(line(outcome), flush=True)


def line(o: Outcome) -> str:
    """Say in one line what came out."""
    flags = "".join(
        letter if value else "-"
        for letter, value in zip(
            "DL3C", (o.detected, o.placed, o.placed_in_3, o.cause), strict=True
        )
    )
    repaired = {True: "M", False: "-", None: " "}[o.repaired]
    text = f"{flags}{repaired} {o.name}: {o.verdict} {o.answers[:1]}"
    if not (o.detected and o.placed and o.cause) and o.kind:
        text += f" | truth {o.truth}"
    if o.repaired is False:
        text += f" | {o.repair}"
    return f"{text} {o.error} ({o.cpu:.0f} s)"


def replay(folder: Path, parts: Sequence[str], table: str) -> list[Outcome]:
    """Reason again over everything that was kept of a table."""
    found = []
    for path in sorted(folder.glob("*.pickle")):
        kept: Kept = pickle.loads(path.read_bytes())
        if table == "all" or (table == "healthy") == (not kept.item.kind):
            found.append(again(kept, parts))
    return found


def show(outcomes: Sequence[Outcome]) -> str:
    """Return the measures as lines."""
    return "\n".join(f"{name:28} {value}" for name, value in measures(outcomes).items())


def main() -> None:
    """Run, or reason again, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--table", choices=("dev", "healthy", "pairs", *UNSEEN, "all"), default="dev"
    )
    parser.add_argument("--limit", type=int, default=0, help="this many cases, 0 for all")
    parser.add_argument("--seed", type=int, help="this seed only")
    parser.add_argument("--out", type=Path, default=Path("engine-results"))
    parser.add_argument("--seconds", type=float, default=330, help="CPU seconds, then it stops")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--without", default="", help="parts to leave out, with --again")
    parser.add_argument("--no-repair", action="store_true", help="do not try repairs")
    parser.add_argument(
        "--remember", action="store_true", help="the copilot has looked before the fault"
    )
    parser.add_argument("--kind", default="", help="only kinds with this in their name")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.again:
        parts = [part for part in options.without.split(",") if part]
        outcomes = [
            o for o in replay(options.out / "kept", parts, options.table) if options.kind in o.kind
        ]
        for outcome in outcomes:
            if not outcome.detected or (outcome.kind and not outcome.right):
                print(line(outcome))
        print(show(outcomes))
        return
    seeds = HELD_SEEDS if options.table in UNSEEN else SEEDS
    wanted = items(options.table, [options.seed] if options.seed else seeds, options.limit)
    wanted = [item for item in wanted if options.kind in item.kind]
    path = options.out / f"{options.table}.jsonl"
    keep = options.out / "kept" if options.table in ("dev", "healthy") else None
    if keep:
        keep.mkdir(exist_ok=True)
    asyncio.run(
        go(
            wanted,
            path,
            keep,
            options.seconds,
            repair=not (options.no_repair or options.table == "pairs"),
            remember=options.remember,
        )
    )
    names = {item.name for item in wanted}
    outcomes = [o for o in load(path) if o.name in names and not o.error]
    print(show(outcomes))
    # A run that goes on later is one run: it is noted when its last case is done.
    if options.table in UNSEEN and len(outcomes) == len(names):
        with RUNS.open("a") as file:
            shares = {name: [s.k, s.n] for name, s in measures(outcomes).items()}
            used = sorted({o.seed for o in outcomes if o.kind})
            note = {"table": options.table, "seeds": used, "cases": len(names), "measures": shares}
            file.write(json.dumps(note) + "\n")


if __name__ == "__main__":
    main()
