"""How good the evidence engine is on a real cluster, beside the emulator on the same cases.

`python -m benchmarks.engine_real --real DIR --emulated DIR [--page FILE]`: the folders are those of
`benchmarks.twin_fidelity`, which asks the engine in each of its cases. The reasoning is done again over what
was read, so the page is that of the present engine; `--as-run` takes what the engine said then.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.fidelity.engine_side import BASELINE_MINUTES, MINUTES, Doctor
from eval.bench.case import Outcome, again
from eval.bench.measures import answered, calibration_error, measures, share
from eval.bench.split import DEVELOPMENT_APPS, side

_FIELDS = {f.name for f in fields(Outcome)}
_COLUMNS = ("detection recall", "localization acc@1", "localization acc@3", "cause at rank 1",
            "false alarms")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """What came out in one environment, by the name of the case."""

    title: str
    outcomes: dict[str, Outcome]

    @classmethod
    def of(cls, title: str, where: str, folder: Path, *, as_run: bool) -> Side:
        """Read a folder. A case that the present code cannot load any more counts as it was run."""
        doctor, found = Doctor(folder), {}
        for row in doctor.rows():
            if row["where"] != where or row["error"]:
                continue
            kept = None if as_run else doctor.kept(where, row["name"])
            found[row["name"]] = again(kept) if kept is not None else _as_run(row)
        return cls(title, found)


def _as_run(row: dict[str, Any]) -> Outcome:
    return Outcome(**{name: value for name, value in row.items() if name in _FIELDS})


def table(sides: Sequence[tuple[str, Sequence[Outcome]]]) -> list[str]:
    """Return the measures, a line each, with k/n and Wilson's intervals."""
    lines = [
        f"| | cases | {' | '.join(_COLUMNS)} | calibration error |",
        "|---" * (len(_COLUMNS) + 3) + "|",
    ]
    for title, outcomes in sides:
        found = measures(outcomes)
        cells = [str(found[name]) if name in found else "–" for name in _COLUMNS]
        pairs = answered(outcomes)
        error = f"{calibration_error(pairs):.3f} of {len(pairs)}" if pairs else "–"
        faulty = sum(bool(o.kind) for o in outcomes)
        cells = [f"{faulty} faulty, {len(outcomes) - faulty} healthy", *cells, error]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def page(real: Side, emulated: Side) -> str:
    """Return the page, of the cases that both sides have."""
    common = [name for name in real.outcomes if name in emulated.outcomes]
    sides = [(s.title, [s.outcomes[name] for name in common]) for s in (real, emulated)]
    kinds = {real.outcomes[name].kind for name in common} - {""}
    same = share([real.outcomes[n] for n in common], lambda o: _alike(o, emulated.outcomes[o.name]))
    lines = [
        "# The evidence engine on a real cluster: results",
        "",
        "Written by `python -m benchmarks.engine_real`; the cases are those of `python -m benchmarks.twin_fidelity`"
        f" ({len(kinds)} kinds of faults on two apps, chosen by a seed before any was run), which asks the engine in"
        " each of them while the fault is there, and before every third one. The engine reads through the product's own"
        " connectors: the Kubernetes API, logs, and a Prometheus that scrapes the pods.",
        "",
        f"Asked about 80 s after the injection, with a window of {MINUTES * 60:.0f} s and a baseline of"
        f" {BASELINE_MINUTES * 60:.0f} s before it. On the real cluster one case follows another in the same app, so that"
        " what the engine sees holds traces of faults that were taken back a minute or two before, and of pods that were replaced"
        " because they had restarted; each emulated one is alone."
        " No kubelet metrics of single containers reach Prometheus there.",
        "k/n, share, and Wilson's 95 % interval; calibration error of the first answers.",
        "",
        *table(sides),
        "",
        f"The same verdict, the same grades in both: {same}.",
        "",
        "The real cluster's cases by what the engine was developed on (`eval/bench/split.py`):",
        "",
        *table(_by_half(sides[0][1])),
        "",
        "## Every case",
        "",
        "D: called an incident (a healthy one healthy); 1, 3: the place first or among the first three; C: the cause.",
        "",
        "| case | real | emulated | first answer on the real cluster |",
        "|---|---|---|---|",
    ]
    for name in common:
        one, other = real.outcomes[name], emulated.outcomes[name]
        said = one.answers[0] if one.answers else one.verdict
        lines.append(f"| {name.removesuffix('/0')} | {_flags(one)} | {_flags(other)} | {said} |")
    lines += ["", "## What was missed", ""]
    for name in common:
        for s in (real, emulated):
            o = s.outcomes[name]
            if not o.detected or (o.kind and not o.right):
                said = o.answers[0] if o.answers else o.verdict
                lines.append(f"- {s.title}, {name.removesuffix('/0')}: {said}; right is {o.truth or 'healthy'}")  # fmt: skip
    return "\n".join(lines) + "\n"


def _by_half(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    tests: dict[str, Callable[[Outcome], bool]] = {
        "kinds developed on": lambda o: side(o.kind) == "dev" and o.app in DEVELOPMENT_APPS,
        "kinds held out": lambda o: side(o.kind) == "held",
    }
    faulty = [o for o in outcomes if o.kind]
    return [(title, [o for o in faulty if test(o)]) for title, test in tests.items()]


def _flags(o: Outcome) -> str:
    if not o.kind:
        return "D" if o.detected else "–"
    values = (o.detected, o.placed, o.placed_in_3, o.cause)
    return "".join(letter if value else "–" for letter, value in zip("D13C", values, strict=True))


def _alike(one: Outcome, other: Outcome) -> bool:
    return (one.verdict, _flags(one)) == (other.verdict, _flags(other))


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="engine_real", description=__doc__)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--emulated", type=Path, required=True)
    parser.add_argument("--as-run", action="store_true", help="what the engine said then")
    parser.add_argument("--page", type=Path, default=Path("docs/results/engine_real.md"))
    given = parser.parse_args()
    real = Side.of("real cluster", "kube", given.real, as_run=given.as_run)
    emulated = Side.of("emulator", "emulator", given.emulated, as_run=given.as_run)
    text = page(real, emulated)
    given.page.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
