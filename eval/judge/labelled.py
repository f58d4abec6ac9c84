"""A set of answers that were labelled twice, independently, and how far a judge agrees with them.

`labelled_answers/` has invented incidents and answers: objects, cause and chain of the truth, an answer in free
words, and the labels of two who did not see each other's, nor any judge's. They follow the guide of
`eval.judge.text`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from eval.judge.text import Labels
from eval.judge.verdict import Verdict
from eval.measures.agreement import Kappa, kappa

FIELDS = ("localization", "mechanism", "scope", "verdict")
_FOLDER = Path(__file__).parent / "labelled_answers"


class Judge(Protocol):
    """Whoever judges."""

    @property
    def name(self) -> str:
        """The model's name, or "rubric"."""
        ...

    async def judge(self, key: str, row: Any, answer: str) -> Verdict:
        """Judge one answer to the question of a line of results."""
        ...


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer with its truth, and the labels of both."""

    id: str
    truth: dict[str, Any]
    answer: str
    first: Labels
    second: Labels

    @property
    def row(self) -> dict[str, Any]:
        """As a line of results, as far as judges read one."""
        truth = self.truth
        words = f"{truth['cause']} The cause is at {' or '.join(truth['objects'])}. From there: {', '.join(truth['chain'])}."
        return {"id": self.id, "agent": "labelled", "truth": words, "truth_parts": truth}


@cache
def labelled_set() -> tuple[Labelled, ...]:
    """Read the set."""
    second = {row["id"]: row["labels"] for row in _rows("second.jsonl")}
    return tuple(
        Labelled(
            row["id"],
            row["truth"],
            row["answer"],
            _labels(row["labels"]),
            _labels(second[row["id"]]),
        )
        for row in _rows("answers.jsonl")
    )


async def agreement_with_people(
    judge: Judge, items: Sequence[Labelled]
) -> tuple[dict[str, Kappa], int]:
    """Return Cohen's kappa with the first labels by field, and how many answers got no verdict.

    A field is left out when fewer than two answers were judged.
    """
    verdicts = [await judge.judge(item.id, item.row, item.answer) for item in items]
    pairs = [
        (verdict.labels, item.first)
        for verdict, item in zip(verdicts, items, strict=True)
        if verdict.labels is not None
    ]
    if len(pairs) < 2:
        return {}, len(items) - len(pairs)
    found = {
        field: kappa([getattr(a, field) for a, _ in pairs], [getattr(b, field) for _, b in pairs])
        for field in FIELDS
    }
    return found, len(items) - len(pairs)


def _labels(data: dict[str, Any]) -> Labels:
    return Labels(**{field: data[field] for field in FIELDS})


def _rows(name: str) -> list[dict[str, Any]]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
