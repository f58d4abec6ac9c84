"""How true the emulator is: the symptoms of faults there against those on a real cluster.

`python -m benchmarks.twin_fidelity --kubeconfig FILE [--image …] [--app …] [--kind …] --out DIR` injects
each kind into the emulator and into the real twin, and compares what can be seen. It needs two to four
minutes a case; what `DIR/results.jsonl` has already is not done again. `--report FILE` writes the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.fidelity.engine_side import Doctor
from benchmarks.fidelity.kube_side import Symptom
from benchmarks.fidelity.report import markdown
from benchmarks.fidelity.run import Place, Seen, collect, scraping, start
from connectors.api.errors import ConnectorError
from eval.apps.loader import load_app
from eval.faults.registry import FAULTS

_UNFIT = {
    "nodes_tainted": "changes a node that others use",
    "nodes_cordoned": "changes a node that others use",
    "redeploy_over_old_volumes": "deploys the whole app anew",
    "buggy_build": "needs another image",
    "incompatible_version": "needs another image",
    "autoscaler_without_request": "needs a metrics server",
    "autoscaler_at_limit": "needs a metrics server",
}
_SEED = 20
_EACH_CHECKUP = 3
"""Of so many cases, one begins with a question to the engine about the healthy app."""


def cases(apps: Sequence[str], kinds: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (app, kind, target): one target per kind and app, by chance but always the same."""
    found = []
    for name in apps:
        app = load_app(name)
        for kind in kinds or list(FAULTS):
            fits = FAULTS[kind].targets(app)
            if fits and kind not in _UNFIT and "kube" not in FAULTS[kind].unfit:
                found.append((name, kind, Random(f"{name} {kind}").choice(fits)))
    return found


def choose(todo: Sequence[tuple[str, str, str]], number: int) -> list[tuple[str, str, str]]:
    """Return `number` cases, each kind once, as evenly over the apps as they fit, by chance but always
    the same: chosen without a look at any result."""
    kinds = sorted({kind for _, kind, _ in todo})
    Random(_SEED).shuffle(kinds)
    taken = dict.fromkeys((app for app, _, _ in todo), 0)
    found = []
    for kind in kinds[:number]:
        fits = sorted(case for case in todo if case[1] == kind)
        case = min(fits, key=lambda case: taken[case[0]])
        taken[case[0]] += 1
        found.append(case)
    return found


class Results:
    """The cases done so far, one line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[dict[str, Any]] = []
        if path.is_file():
            self.rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def has(self, where: str, case: tuple[str, str, str]) -> bool:
        """Whether a case is done in an environment."""
        return any(
            (r["where"], r["app"], r["kind"], r["target"]) == (where, *case) for r in self.rows
        )

    def add(self, where: str, case: tuple[str, str, str], seen: Seen) -> None:
        """Note a case."""
        app, kind, target = case
        row: dict[str, Any] = {"where": where, "app": app, "kind": kind, "target": target}
        row["usual_calls"], row["healthy_again"] = seen.usual_calls, seen.healthy_again
        row["windows"] = seen.windows
        for side in ("kube", "app", "usual"):
            symptoms: set[Symptom] = getattr(seen, side)
            row[f"seen_{side}"] = sorted(map(list, symptoms))
        self.rows.append(row)
        with self._path.open("ab", buffering=0) as file:  # one write: others may append beside it
            file.write((json.dumps(row) + "\n").encode())


async def work(where: str, todo: list[tuple[str, str, str]], results: Results, given: Any) -> None:
    """Do all cases of one app: each in an emulator of its own, but on one cluster as long as it becomes
    healthy again, since a new twin takes minutes."""
    place: Place | None = None
    doctor = Doctor(given.out)
    try:
        for number, case in enumerate(todo):
            if results.has(where, case):
                continue
            app, kind, target = case
            print(f"{where}: {app}: {kind} {target}", file=sys.stderr, flush=True)
            if place is None:
                place = await start(load_app(app), where, given)
            checkup = number % _EACH_CHECKUP == 1
            try:
                async with scraping(place, given.targets):
                    seen = await collect(place, kind, target, doctor, checkup=checkup)
            except (ConnectorError, ValueError, KeyError, StopIteration) as error:
                print(f"  not done: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                broken, place = place, None
                await broken.close()
                continue
            results.add(where, case, seen)
            if not seen.healthy_again:
                print("  not healthy again: a new one", file=sys.stderr, flush=True)
            if where == "emulator" or not seen.healthy_again:
                used, place = place, None
                await used.close()
    finally:
        if place is not None:
            await place.close()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="twin_fidelity", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--image", default="python:3.11-slim")
    parser.add_argument("--app", action="append")
    parser.add_argument("--kind", action="append", choices=list(FAULTS))
    parser.add_argument("--where", action="append", choices=["emulator", "kube"])
    parser.add_argument("--version", default="1.20", help="the real cluster's, for the emulator")
    parser.add_argument(
        "--no-upstream-dns",
        action="store_true",
        help="the real cluster's nodes know no name server",
    )
    parser.add_argument("--prefix", default="twin", help="prefix of the namespaces")
    parser.add_argument("--prometheus", default="", help="URL of the real cluster's Prometheus")
    parser.add_argument("--targets", type=Path, help="file that tells it which pods to scrape")
    parser.add_argument("--choose", type=int, default=0, help="this many cases, each kind once")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--only-report", action="store_true", help="of what is done already")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    results = Results(given.out / "results.jsonl")
    apps = given.app or ["hotel_reservation", "social_network"]
    todo = cases(apps, given.kind or ())
    if given.choose:
        todo = choose(todo, given.choose)
    places = [] if given.only_report else given.where or ["emulator", "kube"]
    for where in places:
        for app in apps:
            await work(where, [case for case in todo if case[0] == app], results, given)
    text = markdown(results.rows)
    print(text)
    if given.report:
        given.report.write_text(text, "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
