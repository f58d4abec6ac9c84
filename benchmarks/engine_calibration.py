"""Fits the engine's confidence to development cases: `python -m benchmarks.engine_calibration DIR… [--write]`.

Reads what `benchmarks.engine` kept, reasons again, and fits a logistic function of a first answer's strength
and share against rivals to whether it was right (place and cause). Each faulty case counts once as it was, and once
by its versions without logs, metrics and so on together: with everything to be read hardly an answer is wrong, and
nothing could be learnt of how sure thin evidence may make. Prints the expected calibration error of a
cross-validation that leaves out one kind of fault at a time, so no case is judged by a fit that saw its kind;
its interval is a bootstrap over kinds. `--write` stores the fit as the package's `calibration.json`.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Sequence
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
_THIN: tuple[tuple[Part, ...], ...] = (
    ("logs",), ("metrics",), ("traces",), ("events",), ("logs", "metrics", "traces"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One first answer: the kind of fault, both scores' log-odds, and whether it is right."""

    kind: str
    strength: float
    share: float
    right: bool
    weight: float = 1.0


def rows(folders: Sequence[Path]) -> list[Row]:
    """Return the first answers of all kept cases where the verdict is an incident; thin ones weigh less."""
    found: dict[str, list[Row]] = {}
    for path in sorted(p for folder in folders for p in (folder / "kept").glob("*.pickle")):
        kept: Kept = pickle.loads(path.read_bytes())
        versions = [(kept.snapshot, 1.0)]
        if kept.truth is not None:
            versions += [(without(kept.snapshot, parts), 1 / len(_THIN)) for parts in _THIN]
        answers = [_row(kept, snapshot, weight) for snapshot, weight in versions]
        found[kept.item.name] = [answer for answer in answers if answer is not None]
    return [row for own in found.values() for row in own]


def _row(kept: Kept, snapshot: Snapshot, weight: float) -> Row | None:
    report, item = reason(snapshot), kept.item
    if report.verdict is not Verdict.INCIDENT:
        return None
    outcome = Outcome(item.app, item.kind, item.target, item.seed)
    grade(report, kept.truth, outcome)
    best = next(c for c in report.ranking.causes)
    scores = calibration.features(best.confidence, best.strength)
    return Row(item.kind or item.name, *scores, outcome.right, weight)


def fit(cases: Sequence[Row]) -> tuple[float, float, float]:
    """Return the weights by Newton's method on the penalised likelihood.

    Targets are drawn in as Platt does: a right one counts (n + 1)/(n + 2), a wrong one 1/(m + 2).
    """
    x = np.array([[r.strength, r.share, 1.0] for r in cases])
    counts = np.array([r.weight for r in cases])
    right, wrong = (sum(r.weight for r in cases if r.right is is_) for is_ in (True, False))
    up, down = (right + 1) / (right + 2), 1 / (wrong + 2)
    y = np.array([up if r.right else down for r in cases])
    weights, penalty = np.zeros(3), np.diag([_RIDGE, _RIDGE, 0.01])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (counts * (y - p)) - penalty @ weights
        weights = weights + np.linalg.solve((x.T * (counts * p * (1 - p))) @ x + penalty, slope)
    return (float(weights[0]), float(weights[1]), float(weights[2]))


def probability(weights: tuple[float, float, float], case: Row) -> float:
    """Return the fitted probability that an answer is right."""
    total = weights[0] * case.strength + weights[1] * case.share + weights[2]
    return float(1 / (1 + np.exp(-total)))


def validated(cases: Sequence[Row], *, thin: bool = False) -> list[tuple[str, float, bool]]:
    """Return kind, probability and rightness of each whole (or `thin`) case, by a fit to the other kinds."""
    found = []
    for kind in sorted({r.kind for r in cases}):
        weights = fit([r for r in cases if r.kind != kind])
        own = [r for r in cases if r.kind == kind and (r.weight < 1) is thin]
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
    cases = rows(options.folders)
    if not cases:
        parser.error("nothing was kept there: run `python -m benchmarks.engine --table dev` first")
    judged, weights = validated(cases), fit(cases)
    whole = [r for r in cases if r.weight == 1]
    low, high = interval(judged)
    error = calibration_error([(sure, right) for _, sure, right in judged])
    fitted = calibration_error([(probability(weights, r), r.right) for r in whole])
    poor = calibration_error([(sure, right) for _, sure, right in validated(cases, thin=True)])
    print(f"first answers            {len(whole)}, right {sum(r.right for r in whole)}")
    print(f"weights                  {', '.join(f'{w:.3f}' for w in weights)}")
    print(f"calibration error        {error:.3f} [{low:.3f}, {high:.3f}] left out by kind")
    print(f"                         {fitted:.3f} on the cases fitted to")
    print(f"                         {poor:.3f} without one source or more, left out by kind")
    if options.write:
        found = dict(
            zip(("strength", "share", "constant"), (round(w, 4) for w in weights), strict=True)
        )
        found |= {
            "answers": len(whole), "error": round(error, 4), "low": round(low, 4), "high": round(high, 4)
        }  # fmt: skip
        PLACE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
