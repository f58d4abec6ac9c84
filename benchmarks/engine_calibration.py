"""Fits the engine's confidence to development cases: `python -m benchmarks.engine_calibration DIR… [--write]`.

Reads what `benchmarks.engine` kept, reasons again, and fits a logistic function of a first answer's strength to
whether it was right (place and cause). Of development cases hardly an answer is wrong, since the engine was made to
get them right: each counts a quarter, and as much again by its versions without logs, metrics and so on together. What to
expect elsewhere is told by answers at first sight, `benchmarks/corpora/first_sight.jsonl`: faults that others wrote down
with their causes, on apps of theirs too, before the engine of that day was asked. Each counts whole.
Prints the expected calibration error of a cross-validation that leaves out one kind of fault at a time, so no case is
judged by a fit that saw its kind; its interval is a bootstrap over kinds. `--write` stores the fit as the package's
`calibration.json`.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from copilot.evidence import calibration
from copilot.evidence.ablation import Part, without
from copilot.evidence.engine import reason
from copilot.evidence.snapshot import Snapshot
from copilot.model.diagnosis import Verdict
from eval.bench.case import Kept, Outcome, grade
from eval.bench.measures import calibration_error

PLACE = Path(calibration.__file__).with_name("calibration.json")
_RIDGE = 1.0
"""Draws the weights towards nothing: few answers of the development half are wrong."""
_ROUNDS = 2000
FIRST_SIGHT = Path(__file__).parent / "corpora/first_sight.jsonl"
_DEVELOPED = 0.25
_THIN: tuple[tuple[Part, ...], ...] = (
    ("logs",), ("metrics",), ("traces",), ("events",), ("logs", "metrics", "traces"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One first answer: the kind of fault, the log-odds of its strength, and whether it is right.

    `source` is "whole" or "thin" for a development case, else the set of an answer at first sight.
    """

    kind: str
    strength: float
    right: bool
    weight: float = 1.0
    source: str = "whole"


def rows(folders: Sequence[Path]) -> list[Row]:
    """Return the first answers of all kept cases where the verdict is an incident; thin ones weigh less."""
    found: dict[str, list[Row]] = {}
    for path in sorted(p for folder in folders for p in (folder / "kept").glob("*.pickle")):
        kept: Kept = pickle.loads(path.read_bytes())
        answers = [_row(kept, kept.snapshot, _DEVELOPED, "whole")]
        if kept.truth is not None:
            least = _DEVELOPED / len(_THIN)
            thin = (without(kept.snapshot, parts) for parts in _THIN)
            answers += [_row(kept, snapshot, least, "thin") for snapshot in thin]
        found[kept.item.name] = [answer for answer in answers if answer is not None]
    return [row for own in found.values() for row in own]


def at_first_sight() -> list[Row]:
    """Return the answers at first sight; each is a kind of its own."""
    lines = FIRST_SIGHT.read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines if line.strip()]
    return [
        Row(f"{one['set']}/{one['case']}", one["strength"], one["right"], 1.0, one["set"])
        for one in told
    ]


def _row(kept: Kept, snapshot: Snapshot, weight: float, source: str) -> Row | None:
    report, item = reason(snapshot), kept.item
    if report.verdict is not Verdict.INCIDENT:
        return None
    outcome = Outcome(item.app, item.kind, item.target, item.seed)
    grade(report, kept.truth, outcome)
    best = next(c for c in report.ranking.causes)
    strength = calibration.log_odds(best.strength)
    return Row(item.kind or item.name, strength, outcome.right, weight, source)


def fit(cases: Sequence[Row]) -> tuple[float, float]:
    """Return the weights by Newton's method on the penalised likelihood.

    Targets are drawn in as Platt does: a right one counts (n + 1)/(n + 2), a wrong one 1/(m + 2).
    """
    x = np.array([[r.strength, 1.0] for r in cases])
    counts = np.array([r.weight for r in cases])
    right, wrong = (sum(r.weight for r in cases if r.right is is_) for is_ in (True, False))
    up, down = (right + 1) / (right + 2), 1 / (wrong + 2)
    y = np.array([up if r.right else down for r in cases])
    weights, penalty = np.zeros(2), np.diag([_RIDGE, 0.01])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (counts * (y - p)) - penalty @ weights
        weights = weights + np.linalg.solve((x.T * (counts * p * (1 - p))) @ x + penalty, slope)
    return (float(weights[0]), float(weights[1]))


def probability(weights: tuple[float, float], case: Row) -> float:
    """Return the fitted probability that an answer is right."""
    return float(1 / (1 + np.exp(-(weights[0] * case.strength + weights[1]))))


def validated(
    cases: Sequence[Row], sources: Collection[str] = ("whole",)
) -> list[tuple[str, float, bool]]:
    """Return kind, probability and rightness of each case of some sources, by a fit to the other kinds."""
    found = []
    for kind in sorted({r.kind for r in cases}):
        weights = fit([r for r in cases if r.kind != kind])
        own = [r for r in cases if r.kind == kind and r.source in sources]
        found += [(kind, probability(weights, r), r.right) for r in own]
    return found


def interval(judged: Sequence[tuple[str, float, bool]], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the calibration error, resampling kinds."""
    groups: dict[str, list[tuple[float, bool]]] = {}
    for kind, sure, right in judged:
        groups.setdefault(kind, []).append((sure, right))
    random, values = np.random.default_rng(seed), list(groups.values())
    errors = []
    for _ in range(_ROUNDS):
        drawn = random.integers(0, len(values), len(values))
        errors.append(calibration_error([pair for index in drawn for pair in values[index]]))
    low, high = np.percentile(errors, [2.5, 97.5])
    return (float(low), float(high))


def main() -> None:
    """Fit, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    developed, first = rows(options.folders), at_first_sight()
    if not developed:
        parser.error("nothing was kept there: run `python -m benchmarks.engine --table dev` first")
    cases = [*developed, *first]
    weights = fit(cases)
    print(f"weights                  {', '.join(f'{w:.3f}' for w in weights)}")
    told: dict[str, dict[str, float]] = {}
    for source in ("whole", "thin", *sorted({r.source for r in first})):
        judged = validated(cases, (source,))
        error = calibration_error([(sure, right) for _, sure, right in judged])
        low, high = interval(judged)
        told[source] = {"answers": len(judged), "error": error, "low": low, "high": high}
        right = sum(right for _, _, right in judged)
        print(
            f"{source:24} {right} of {len(judged)} right, error {error:.3f} [{low:.3f}, {high:.3f}]"
        )
    if options.write:
        strength, constant = (round(w, 4) for w in weights)
        found = {"strength": strength, "constant": constant, **{
            name: {k: round(v, 4) for k, v in one.items()} for name, one in told.items()
        }}  # fmt: skip
        PLACE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
