"""Judges a folder of results, and says how far the judge agrees with the oracles and with people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from copilot.model.errors import UsageError
from eval.judge.labelled import Judge, agreement_with_people, labelled_set
from eval.measures.agreement import Kappa, kappa
from eval.measures.intervals import Share
from eval.measures.summary import ORACLES, Row, by
from eval.report.tables import Table, percent
from eval.runs.store import key_of, read_rows, read_sessions

VERDICTS = "verdicts.jsonl"
PEOPLE = "judge.json"

Data = Mapping[str, Any]
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """A folder's verdicts, by key of the results, and the judge's agreement with people by field."""

    judge: str
    verdicts: Mapping[str, Data]
    people: Mapping[str, Kappa]
    unjudged: int = 0

    @property
    def trust(self) -> str:
        """The agreement with people in words, to stand beside each score."""
        found = self.people.get("verdict")
        if found is None:
            return "not measured"
        return f"{found.kappa:.2f} ({found.low:.2f} to {found.high:.2f}, {found.number} answers)"


async def judge_folder(
    folder: Path, judge: Judge, *, labelled: bool, tell: Tell = lambda done, number: None
) -> Judged:
    """Judge each line of results, and keep every verdict with its prompts. Raises `UsageError`.

    With `labelled` the judge first judges the labelled set. What is known of its agreement with people
    from an earlier time is kept.
    """
    rows = read_rows(folder)
    if labelled:
        people, unjudged = await agreement_with_people(judge, labelled_set())
        kept = {"judge": judge.name, "unjudged": unjudged}
        kept["people"] = {field: asdict(found) for field, found in people.items()}
        (folder / PEOPLE).write_text(json.dumps(kept, indent=1), encoding="utf-8")
    sessions = read_sessions(folder, rows)
    with (folder / VERDICTS).open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows, 1):
            session = sessions.get(key_of(row), {})
            answer = session.get("answer") or _last(session.get("trace", []))
            verdict = await judge.judge(key_of(row), row, answer)
            file.write(json.dumps(verdict.data) + "\n")
            tell(number, len(rows))
    found = read_judged(folder)
    assert found is not None
    return found


def read_judged(folder: Path) -> Judged | None:
    """Read a folder's verdicts, None when it was not judged. Raises `UsageError` for lines that are none."""
    path = folder / VERDICTS
    if not path.is_file():
        return None
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        verdicts = {line["key"]: line for line in lines}
        judge = str(lines[-1]["judge"]) if lines else ""
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: not verdicts", hint="make them anew: incident-copilot eval judge DIR"
        ) from error
    people, unjudged = {}, 0
    known = folder / PEOPLE
    if known.is_file():
        data = json.loads(known.read_text("utf-8"))
        if data["judge"] == judge:
            people = {field: Kappa(**found) for field, found in data["people"].items()}
            unjudged = data["unjudged"]
    return Judged(judge, verdicts, people, unjudged)


def scores(rows: Sequence[Row], judged: Judged) -> Table:
    """Each agent's scores, and beside them how far the judge agrees with each oracle and with people."""
    header = ["agent", "judge", "judged", "mean score", "passed"]
    header += [f"kappa with {oracle}" for oracle in ORACLES] + ["kappa with people"]
    body = []
    for agent, mine in by(rows, lambda row: str(row["agent"])).items():
        pairs = [(row, v) for row in mine if (v := judged.verdicts.get(key_of(dict(row))))]
        graded = [(row, v) for row, v in pairs if v["score"] is not None]
        if not graded:
            body.append([agent, judged.judge, f"0/{len(mine)}", "–", "–", "–", "–", judged.trust])
            continue
        mean = f"{fmean(v['score'] for _, v in graded):.1f}"
        passed = percent(Share(sum(v["passed"] for _, v in graded), len(graded)))
        cells = [_kappa([(v["passed"], bool(r["success"][o])) for r, v in graded]) for o in ORACLES]
        count = f"{len(graded)}/{len(mine)}"
        body.append([agent, judged.judge, count, mean, passed, *cells, judged.trust])
    return header, body


def troubles(judged: Judged) -> Table:
    """What went wrong with votes, and whether the order in which they read mattered."""
    votes = [vote for verdict in judged.verdicts.values() for vote in verdict["votes"]]
    body = [["votes", str(len(votes))]]
    for problem, times in sorted(Counter(v["problem"] for v in votes if v["problem"]).items()):
        body.append([problem, str(times)])
    usable = [[v["score"] for v in votes if v["swapped"] is way and v["score"] is not None] for way in (False, True)]  # fmt: skip
    if all(usable):
        gap = fmean(usable[1]) - fmean(usable[0])
        body.append(["mean score, answer first minus truth first", f"{gap:+.2f}"])
        flips = sum(bool(verdict["flipped"]) for verdict in judged.verdicts.values())
        body.append(["answers that pass in one order only", str(flips)])
    if judged.unjudged:
        body.append(["labelled answers without a verdict", str(judged.unjudged)])
    return ["what", "how many"], body


def with_people(judged: Judged) -> Table:
    """The judge beside people who labelled answers, field by field."""
    header = ["field", "answers", "agreement", "kappa", "95 %"]
    body = [
        [field, str(k.number), f"{k.agreement:.0%}", f"{k.kappa:.2f}", f"{k.low:.2f} to {k.high:.2f}"]
        for field, k in judged.people.items()
    ]  # fmt: skip
    return header, body


def _kappa(pairs: Sequence[tuple[bool, bool]]) -> str:
    found = kappa([a for a, _ in pairs], [b for _, b in pairs])
    return f"{found.kappa:.2f} ({found.low:.2f} to {found.high:.2f})"


def _last(trace: Sequence[dict[str, str]]) -> str:
    said = [item["content"] for item in trace if item["role"] == "assistant"]
    return said[-1] if said else "nothing was answered"
