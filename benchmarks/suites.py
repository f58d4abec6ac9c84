"""All suites in one table: `python -m benchmarks.suites DIR [--report FILE]`.

`DIR/SUITE` is what `incident-copilot eval run --suite SUITE --agent engine --out DIR/SUITE` left.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eval.measures.summary import Row, Summary, by, summarize
from eval.report.tables import Table, markdown, percent
from eval.runs.store import RESULTS, read_rows
from eval.suites.catalog import SUITES

_LONGEST = 110
_WORST = 3


def folders(place: Path) -> dict[str, list[Row]]:
    """Return the results of each suite that has some, in the catalog's order."""
    known = [name for name in SUITES if (place / name / RESULTS).is_file()]
    return {name: list(read_rows(place / name)) for name in known}


def table(found: dict[str, list[Row]]) -> Table:
    """One row a suite and agent."""
    header = [
        "suite", "agent", "problems", "compat", "strict", "detection: precision",
        "detection: recall", "false alarms", "localization @3", "cause right", "NTAM: causes",
        "NTAM: chain", "made-up objects", "broke something", "virtual seconds",
    ]  # fmt: skip
    body = [_row(name, one) for name, rows in found.items() for one in summarize(rows)]
    return header, body


def _row(name: str, one: Summary) -> list[str]:
    whole, alarms = one.success["all"], one.detection
    near = [one.ntam[part] for part in ("localization", "chain")]
    return [
        name, one.agent, f"{one.number} of {len(SUITES[name][0]())}", percent(whole["compat"]), percent(whole["strict"]),
        percent(alarms.precision), percent(alarms.recall), percent(alarms.false_alarms),
        percent(one.within_3["strict"]), percent(one.cause_right),
        *("–" if value is None else f"{value:.2f}" for value in near),
        percent(one.hallucinated), str(one.regressions), f"{one.means['seconds_from_start']:.0f}",
    ]  # fmt: skip


def missed(found: dict[str, list[Row]]) -> Table:
    """Why problems fail strictly: by suite and task, with the first few."""
    body = []
    for name, rows in found.items():
        for task, same in by(rows, lambda row: str(row["task"])).items():
            wrong = [row for row in same if not row["success"]["strict"]]
            if wrong:
                told = "; ".join(
                    f"`{row['id'].removeprefix(name + '/')}`: {_short(row['detail']['strict'])}"
                    for row in wrong[:_WORST]
                )
                body.append([name, task, f"{len(wrong)}/{len(same)}", told])
    return ["suite", "task", "fail", "the first of them"], body


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def page(found: dict[str, list[Row]]) -> str:
    """Return the page."""
    return "\n".join(
        [
            "# The suites\n",
            "Made by `python -m benchmarks.suites DIR` from what `incident-copilot eval run --suite SUITE --agent engine "
            "--out DIR/SUITE` left. Shares: percent (hits/number, 95 % interval).\n",
            markdown(table(found)),
            "## What fails strictly\n",
            markdown(missed(found)),
            "- Where fewer problems stand than the suite has, the others were not run.\n"
            "- In `compound` two things are broken at once; a repair counts only when both are gone.\n"
            "- In `noise` a localization that also names a harmless oddity is wrong.\n"
            "- `sregym` asks for the place and the repair in one session, and counts both together.\n"
            "- NTAM is ITBench's measure with our parameters (`eval/measures/ntam.py`).\n",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="suites", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args(arguments)
    text = page(folders(given.folder))
    print(text)
    if given.report:
        given.report.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
