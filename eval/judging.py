"""Judges a folder of results, and says how far the judge agrees with the oracles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from copilot.config.settings import ModelSection
from copilot.model.errors import UsageError
from eval.judge import Verdict, judge_answer, judge_by_rubric
from eval.measures.agreement import kappa
from eval.measures.summary import ORACLES
from eval.report.tables import Table
from eval.runs.store import key_of, read_rows, read_sessions

VERDICTS = "verdicts.jsonl"


async def judge_folder(
    folder: Path, section: ModelSection, *, votes: int, rubric: bool
) -> list[Verdict]:
    """Judge each line of results, and keep every verdict with its prompts. Raises `UsageError`."""
    if not rubric and not section.usable:
        raise UsageError(
            "judging needs a model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL, or give --rubric"
        )
    rows = read_rows(folder)
    sessions = read_sessions(folder, rows)
    verdicts = []
    for row in rows:
        session = sessions.get(key_of(row), {})
        answer = session.get("answer") or _last(session.get("trace", []))
        verdicts.append(
            judge_by_rubric(row)
            if rubric
            else await judge_answer(section, row, answer, votes=votes)
        )
    text = "".join(json.dumps(verdict.data) + "\n" for verdict in verdicts)
    (folder / VERDICTS).write_text(text, encoding="utf-8")
    return verdicts


def agreement(folder: Path, verdicts: Sequence[Verdict]) -> Table:
    """The judge beside each oracle: agreement, Cohen's kappa, and what could not be used."""
    rows = read_rows(folder)
    header = ["oracle", "judged", "agreement", "kappa", "95 %", "votes without a verdict"]
    bad = sum(vote.score is None for verdict in verdicts for vote in verdict.votes)
    votes = sum(len(verdict.votes) for verdict in verdicts)
    body = []
    for oracle in ORACLES:
        pairs = [
            (verdict.passed, bool(row["success"][oracle]))
            for row, verdict in zip(rows, verdicts, strict=True)
            if verdict.passed is not None
        ]
        if pairs:
            found = kappa([a for a, _ in pairs], [b for _, b in pairs])
            interval = f"{found.low:.2f} to {found.high:.2f}"
            cells = [f"{found.agreement:.0%}", f"{found.kappa:.2f}", interval]
        else:
            cells = ["–", "–", "–"]
        body.append([oracle, str(len(pairs)), *cells, f"{bad}/{votes}"])
    return header, body


def _last(trace: Sequence[dict[str, str]]) -> str:
    said = [item["content"] for item in trace if item["role"] == "assistant"]
    return said[-1] if said else "nothing was answered"
