"""Verdicts on a real cluster beside those in the emulator: `python -m benchmarks.eval_kube EMULATOR KUBE [--report FILE]`.

Both are folders of `incident-copilot eval run`, the second of one with `--environment kube`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.measures.summary import Row
from eval.report.tables import Table, markdown
from eval.runs.fitting import sorted_out
from eval.runs.store import read_rows
from eval.suites.catalog import suite

_LONGEST = 90


def pairs(emulated: Sequence[Row], real: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return what was played in both places, by agent, problem, seed and repeat."""
    known = {_place(row): row for row in emulated}
    return [(known[_place(row)], row) for row in real if _place(row) in known]


def same(one: Row, other: Row) -> bool:
    """Whether both oracles say the same of both."""
    return bool(one["success"] == other["success"])


def table(found: Sequence[tuple[Row, Row]]) -> Table:
    """One row a problem."""
    header = ["problem", "agent", "answer in the emulator", "answer on the cluster"]
    header += ["compat", "strict", "first cause", "session, s", "verdicts"]
    body = []
    for one, other in found:
        answers = [_answer(one), _answer(other)]
        oracles = [_two(one["success"][o], other["success"][o]) for o in ("compat", "strict")]
        causes = f"{one['cause'] or '–'}"
        if other["cause"] != one["cause"]:
            causes += f" → {other['cause'] or '–'}"
        seconds = f"{one['seconds_from_start']:.0f} → {other['seconds_from_start']:.0f}"
        word = "same" if same(one, other) else "**differ**"
        body.append([one["id"], one["agent"], *answers, *oracles, causes, seconds, word])
    return header, body


def page(found: Sequence[tuple[Row, Row]]) -> str:
    """Return the page."""
    alike = sum(same(*pair) for pair in found)
    _, impossible = sorted_out(suite("aiopslab"), "kube")
    reasons: dict[str, list[str]] = {}
    for each in impossible:
        reasons.setdefault(each.why, []).append(f"`{each.problem.id}`")
    return "\n".join(
        [
            "# The same problems on a real cluster\n",
            "Made by `python -m benchmarks.eval_kube EMULATOR KUBE` from two runs of the same ids, "
            "`incident-copilot eval run --suite aiopslab --problem ID … --out EMULATOR` and "
            "`… --environment kube --image IMAGE --out KUBE`. The cluster: one node, Kubernetes 1.20.2, two cores; no "
            "Prometheus, Loki or Alertmanager, so that the engine has objects, events, logs and traces there.\n",
            f"**{alike} of {len(found)}** have the same verdicts of both oracles. "
            "✓ → ✗: passed in the emulator, failed on the cluster. Seconds are virtual in the emulator, real on the cluster.\n",
            markdown(table(found)),
            f"{89 - len(impossible)} of the 89 ids can be played there; not possible are:\n",
            markdown((["ids", "why"], [[", ".join(ids), why] for why, ids in reasons.items()])),
        ]
    )


def _place(row: Row) -> tuple[str, str, int, int]:
    return str(row["agent"]), str(row["id"]), int(row["seed"]), int(row["repeat"])


def _answer(row: Row) -> str:
    if row["solution"] in (None, [], ""):
        return "(a repair)" if row["task"] == "mitigation" and row["submitted"] else "nothing"
    text = " ".join(str(row["solution"]).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _two(one: bool, other: bool) -> str:
    marks = ["✓" if ok else "✗" for ok in (one, other)]
    return marks[0] if one == other else " → ".join(marks)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="eval_kube", description=__doc__)
    parser.add_argument("emulator", type=Path)
    parser.add_argument("kube", type=Path)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args(arguments)
    found = pairs(read_rows(given.emulator), read_rows(given.kube))
    text = page(found)
    print(text)
    if given.report:
        given.report.write_text(text, "utf-8")
    sys.exit(0 if found and all(same(*pair) for pair in found) else 1)


if __name__ == "__main__":
    main()
