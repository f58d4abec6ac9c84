"""Writes docs/results/engine.md from what `benchmarks.engine` has run.

`python -m benchmarks.engine_report --dev DIR… --healthy DIR… --held DIR --page FILE`: of each case the
reasoning is done again over what was read, where that was kept, so the page is that of the present engine;
repairs and the held-out table are as they were run.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.baselines.objects import scan
from benchmarks.baselines.series import METHODS
from benchmarks.engine import load
from benchmarks.engine_scale import SIZES, measure
from copilot.evidence.ablation import PARTS
from eval.bench.case import Kept, Outcome, again
from eval.bench.measures import Share, answered, calibration_error, measures, share

_COLUMNS = ("detection recall", "localization acc@1", "localization acc@3", "cause at rank 1",
            "first mitigation works", "false alarms")  # fmt: skip


def kept_in(folders: Sequence[Path]) -> list[Kept]:
    """Return what was kept of cases, the last of each."""
    found: dict[str, Kept] = {}
    for folder in folders:
        for path in sorted((folder / "kept").glob("*.pickle")):
            kept: Kept = pickle.loads(path.read_bytes())
            found[kept.item.name] = kept
    return list(found.values())


def row(title: str, outcomes: Sequence[Outcome]) -> str:
    """Return one line of the table of measures."""
    found = measures(outcomes)
    cells = [str(found[name]) if name in found else "–" for name in _COLUMNS]
    return f"| {title} | {' | '.join(cells)} |"


def table(rows: Sequence[str]) -> list[str]:
    """Return a table of measures."""
    return [f"| | {' | '.join(_COLUMNS)} |", "|---" * (len(_COLUMNS) + 1) + "|", *rows]


def refresh(kept: Sequence[Kept], run: Sequence[Outcome]) -> list[Outcome]:
    """Reason again, and keep what came of the repairs when the case was run."""
    tried = {o.name: o for o in run if o.repaired is not None}
    found = []
    for item in kept:
        outcome = again(item)
        if outcome.name in tried:
            outcome.repaired = tried[outcome.name].repaired
            outcome.repair = tried[outcome.name].repair
        found.append(outcome)
    return found


def baselines(kept: Sequence[Kept], own: Mapping[str, Outcome]) -> list[str]:
    """Return the lines about other methods on the cases whose series were kept."""
    lines = [
        "| method | cases | detection | acc@1 | acc@3 | false alarms |",
        "|---|---|---|---|---|---|",
    ]
    with_series = [k for k in kept if getattr(k, "series", None)]
    for name in ("object scan", *METHODS, "this engine"):
        used = list(kept) if name == "object scan" else with_series
        if name == "this engine":
            outcomes = [own[k.item.name] for k in used]
            faulty, sound = [o for o in outcomes if o.kind], [o for o in outcomes if not o.kind]
            shares = [share(faulty, lambda o: o.detected), share(faulty, lambda o: o.placed),
                      share(faulty, lambda o: o.placed_in_3), share(sound, lambda o: not o.detected)]  # fmt: skip
        else:
            shares = _baseline(name, used)
        lines.append(f"| {name} | {len(used)} | {' | '.join(map(str, shares))} |")
    return lines


def _baseline(name: str, kept: Sequence[Kept]) -> list[Share]:
    detected = first = third = faulty = alarms = sound = 0
    for case in kept:
        answers = (
            [ref.name for ref in scan(case.snapshot)]
            if name == "object scan"
            else METHODS[name](case.series)
        )
        if case.truth is None:
            sound, alarms = sound + 1, alarms + bool(answers)
            continue
        right = {ref.name for ref in case.truth.objects} | {case.item.target}
        faulty += 1
        detected += bool(answers)
        first += bool(right & set(answers[:1]))
        third += bool(right & set(answers[:3]))
    return [
        Share(detected, faulty),
        Share(first, faulty),
        Share(third, faulty),
        Share(alarms, sound),
    ]


def page(dev: Sequence[Path], sound: Sequence[Path], held: Path, most: int) -> str:
    """Return the page; at most `most` faulty and healthy cases each take part in the ablation."""
    run = [o for folder in dev for o in load(folder / "dev.jsonl")]
    cases, healthy = kept_in(dev), [k for k in kept_in([*dev, *sound]) if k.truth is None]
    faulty = [k for k in cases if k.truth is not None]
    developed = refresh(faulty, run) + [again(k) for k in healthy]
    kept_out = [o for o in load(held / "held.jsonl") if not o.error]
    lines = [
        "# The evidence engine: results",
        "",
        f"Written by `python -m benchmarks.engine_report` on {datetime.now(UTC):%Y-%m-%d}; the cases are of"
        " `python -m benchmarks.engine`. k/n, share, and Wilson's 95 % interval. Emulated clusters with noise.",
        "The split is `eval/bench/split.py`: developed on three apps and half of the kinds of faults; held out are"
        " the other kinds on the other apps, run by `--table held` alone.",
        "",
        *table([
            row(f"development ({len(faulty)} faulty, {len(healthy)} healthy)", developed),
            row(f"held out ({sum(bool(o.kind) for o in kept_out)} faulty, "
                f"{sum(not o.kind for o in kept_out)} healthy)", kept_out),
        ]),
        "",
        f"Expected calibration error of the first answer: development {calibration_error(answered(developed)):.3f},"
        f" held out {calibration_error(answered(kept_out)):.3f}.",
        "",
        "Difference (held out minus development): " + _difference(developed, kept_out) + ".",
        "",
        "The mitigation column counts repairs by the strict oracle: the cause itself is gone and users are served."
        " Repairs that only a person can make count as failures"
        f"; of those that the engine offered to do itself, {_offered(developed)} worked.",
        "",
        "## Without a source (development cases, reasoned again)",
        "",
    ]  # fmt: skip
    own = {o.name: o for o in developed}
    some = [*faulty[:most], *healthy[:most]]
    rows = [row("everything", [replace(own[k.item.name], repaired=None) for k in some])]
    for part in PARTS[:-1]:
        rows.append(row(f"without {part}", [again(k, [part]) for k in some]))
    api = [again(k, ["logs", "metrics", "traces"]) for k in some]
    rows.append(row("Kubernetes API alone, without logs", api))
    lines += [*table(rows), "", "Knowledge does not take part in the ranking: without it nothing changes.", ""]  # fmt: skip
    lines += ["## Other methods on the same cases", "", *baselines([*faulty, *healthy], own), "",
              "The object scan has k8sgpt's default conditions; the others are the core ideas of the published"
              " methods (`benchmarks/baselines`), on the cases whose series were kept.", ""]  # fmt: skip
    lines += ["## Cost of the reasoning alone", "", "| services | CPU seconds |", "|---|---|"]
    lines += [f"| {size} | {measure(size)[0]:.2f} |" for size in SIZES]
    cpu = sorted(o.reasoning for o in developed)
    if cpu:
        lines += ["", f"On the development cases: median {cpu[len(cpu) // 2] * 1000:.0f} ms."]
    lines += ["", "## What was missed in development", ""]
    lines += [
        f"- {o.name}: {o.answers[0] if o.answers else o.verdict}; right is {o.truth}"
        for o in developed
        if o.kind and not (o.detected and o.right)
    ]
    lines += ["", "## What was missed in the held-out table", ""]
    lines += [
        f"- {o.name}: {o.answers[0] if o.answers else o.verdict}; right is {o.truth or 'healthy'}"
        for o in kept_out
        if (o.kind and not (o.detected and o.right)) or (not o.kind and not o.detected)
    ]
    return "\n".join(lines) + "\n"


def _offered(outcomes: Sequence[Outcome]) -> Share:
    """Return how many of the typed first repairs worked, what is left to a person not counted."""
    tried = [o for o in outcomes if o.repaired is not None and not o.repair.startswith("by hand")]
    return share(tried, lambda o: bool(o.repaired))


def _difference(one: Sequence[Outcome], other: Sequence[Outcome]) -> str:
    left, right = measures(one), measures(other)
    both = [name for name in _COLUMNS if name in left and name in right]
    return ", ".join(f"{n} {100 * (right[n].value - left[n].value):+.0f} points" for n in both)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", type=Path, nargs="+", required=True)
    parser.add_argument("--healthy", type=Path, nargs="*", default=[])
    parser.add_argument("--held", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1000, help="cases of each sort in the ablation")
    parser.add_argument("--page", type=Path, default=Path("docs/results/engine.md"))
    options = parser.parse_args()
    options.page.write_text(page(options.dev, options.healthy, options.held, options.most), "utf-8")


if __name__ == "__main__":
    main()
