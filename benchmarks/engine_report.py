"""Writes docs/results/engine.md from what `benchmarks.engine` has run.

`python -m benchmarks.engine_report --dev DIR… --held DIR [--pairs DIR] [--recipes DIR] --page FILE`: of each
development case the reasoning is done again over what was read, so those lines are of the present engine; repairs, the
held-out table, the pairs and the recipes are as they were run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from benchmarks.engine import load
from benchmarks.engine_cost import investigate
from benchmarks.engine_scale import SIZES, measure
from copilot.evidence.ablation import PARTS
from eval.baselines.objects import scan
from eval.baselines.series import METHODS
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


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the runs are; a part without a folder, or without a case there, is said to be missing."""

    dev: Sequence[Path]
    healthy: Sequence[Path]
    held: Path
    pairs: Path | None = None
    recipes: Path | None = None


def page(where: Folders, most: int) -> str:
    """Return the page; at most `most` faulty and healthy cases each take part in the ablation."""
    run = [o for folder in where.dev for o in load(folder / "dev.jsonl")]
    cases = kept_in(where.dev)
    healthy = [k for k in kept_in([*where.dev, *where.healthy]) if k.truth is None]
    faulty = [k for k in cases if k.truth is not None]
    developed = refresh(faulty, run) + [again(k) for k in healthy]
    held, apps, others = (
        [o for o in load(where.held / f"{name}.jsonl") if not o.error]
        for name in ("held", "apps", "kinds")
    )
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
            *([row(f"developed kinds on the other apps ({len(apps)})", apps)] if apps else []),
            *([row(f"other kinds on the developed apps ({len(others)})", others)] if others else []),
            row(f"held out: other kinds on the other apps ({sum(bool(o.kind) for o in held)} faulty, "
                f"{sum(not o.kind for o in held)} healthy)", held),
        ]),
        "",
        "Expected calibration error of the first answer: " + ", ".join(
            f"{name} {calibration_error(answered(some)):.3f}"
            for name, some in (("development", developed), ("other apps", apps), ("other kinds", others),
                               ("held out", held)) if some
        ) + ".",
        "",
        "Difference (held out minus development): " + _difference(developed, held) + ".",
        "",
        *remarks(developed, held, len(faulty)),
        "",
        *(note for folder in (*where.dev, where.held) for note in _notes(folder)),
        *_by_seed(developed),
        *_pairs(where.pairs),
        *_recipes(where.recipes),
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
              " methods (`eval/baselines`), on the cases whose series were kept.", ""]  # fmt: skip
    lines += [*_cost(developed), "", "## What was missed in development", "", *_missed(developed)]
    lines += ["", "## What was missed in the held-out table", "", *_missed(held)]
    return "\n".join(lines) + "\n"


def remarks(developed: Sequence[Outcome], held: Sequence[Outcome], faulty: int) -> list[str]:
    """Say what the numbers are of: counted from what was run, and the fit's own record."""
    tried = [o for o in developed if o.repaired is not None]
    hand = sum(o.repair.startswith("by hand") for o in tried)
    fit = json.loads(resources.files("copilot.evidence").joinpath("calibration.json").read_text())
    worked = [o for o in held if o.kind and o.kind not in WORKED_ON]
    return [
        "The mitigation column counts repairs by the strict oracle: the cause itself is gone and users are served."
        f" Repairs that only a person can make ({hand} of {len(tried)}) count as failures; of those that the engine"
        f" offered to do itself, {_offered(developed)} worked.",
        "",
        f"What to know of this page: repairs were tried on {len(tried)} of the {faulty} faulty development cases, by the"
        " engine as it was at that time. The development calibration error is that of the cases fitted to; leaving out one"
        f" kind of fault at a time it is {fit['whole']['error']:.3f} [{fit['whole']['low']:.3f}, {fit['whole']['high']:.3f}]"
        " (`benchmarks.engine_calibration`). The held-out run is of one frozen engine, its confidence included."
        f" Of the held-out kinds, {', '.join(sorted(WORKED_ON))} occur in AIOpsLab's list too, on the development apps, and were"
        f" worked on there; without them the held-out table is {row('', worked).strip(' |')} (columns as above).",
    ]  # fmt: skip


WORKED_ON = frozenset(
    {"container_kill", "flag_cpu", "flag_memory", "wrong_command", "revoke_database_login"}
)
"""Held-out kinds whose namesakes on development apps, in AIOpsLab's suite, were seen to fail and repaired."""


def _notes(folder: Path | None) -> list[str]:
    """Return what whoever ran it noted of a run that was not as the programs do it, in `note.txt`."""
    path = folder / "note.txt" if folder else None
    return [path.read_text("utf-8").strip(), ""] if path and path.is_file() else []


def _by_seed(developed: Sequence[Outcome]) -> list[str]:
    seeds = sorted({o.seed for o in developed if o.kind})
    lines = ["## By seed (development, faulty cases)", ""]
    rows = []
    for seed in seeds:
        own = [o for o in developed if o.kind and o.seed == seed]
        rows.append(row(f"seed {seed}, {len(own)} cases, {len({o.kind for o in own})} kinds", own))
    return [*lines, *table(rows), ""]


def _pairs(folder: Path | None) -> list[str]:
    lines = ["## Two faults at once", ""]
    found = [o for o in load(folder / "pairs.jsonl") if not o.error] if folder else []
    if not found:
        return [*lines, "Not run.", ""]
    return [
        *lines,
        f"{len(found)} pairs of development kinds on two services of a development app (`eval/bench/pairs.py`):"
        f" detected {share(found, lambda o: o.detected)}; the first answer is one of the two places"
        f" {share(found, lambda o: o.placed)}; both are among the first three {share(found, lambda o: o.placed_in_3)}.",
        "",
        *(f"- one is missing: {o.name}: {'; '.join(o.answers) or o.verdict}" for o in found if not o.placed_in_3),
        "",
    ]  # fmt: skip


def _recipes(folder: Path | None) -> list[str]:
    lines = ["## Faults written without sight of the engine", ""]
    found = [o for o in load(folder / "recipes.jsonl") if not o.error] if folder else []
    if not found:
        return [*lines, "Not run.", ""]
    told = [
        f"- {o.kind} on {o.app}: {o.verdict}, {'; '.join(o.answers) or 'no cause'};"
        f" right is {o.truth}; place {'yes' if o.placed else 'in three' if o.placed_in_3 else 'no'},"
        f" cause {'yes' if o.cause else 'no'}"
        for o in found
    ]
    return [
        *lines,
        f"The recipes of `benchmarks/corpora/held_faults/faults.md`, by `python -m benchmarks.engine_recipes`;"
        f" {len({o.kind for o in found})} recipes in {len(found)} runs. They were turned into data before the engine was"
        " frozen, by who worked on it; nothing was done for them.",
        "",
        *_notes(folder),
        *table([row("written without sight", found)]),
        "",
        *told,
        "",
    ]  # fmt: skip


def _cost(developed: Sequence[Outcome]) -> list[str]:
    cpu = sorted(o.reasoning for o in developed)
    lines = ["## Cost", "", "| services | calls | CPU seconds, whole investigation | of that the reasoning |",
             "|---|---|---|---|"]  # fmt: skip
    for size in SIZES:
        cost = asyncio.run(investigate(size))
        lines.append(f"| {size} | {cost.calls} | {cost.seconds:.2f} | {measure(size)[0]:.2f} |")
    lines += ["", "Calls are those to the API server and to the metrics store; the network's time comes on top"
              " (`benchmarks/engine_cost.py`)."]  # fmt: skip
    if cpu:
        lines[-1] += (
            f" Reasoning on the development cases: median {cpu[len(cpu) // 2] * 1000:.0f} ms."
        )
    return lines


def _missed(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"- {o.name}: {o.answers[0] if o.answers else o.verdict}; right is {o.truth or 'healthy'}"
        for o in outcomes
        if (o.kind and not (o.detected and o.right)) or (not o.kind and not o.detected)
    ]


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
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--recipes", type=Path)
    options = parser.parse_args()
    where = Folders(options.dev, options.healthy, options.held, options.pairs, options.recipes)
    options.page.write_text(page(where, options.most), "utf-8")


if __name__ == "__main__":
    main()
