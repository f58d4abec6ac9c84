"""The judge without a model: the deterministic rubric for free words, on lines of results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from copilot.model.errors import UsageError
from eval.judge.model import ABSTAINED
from eval.judge.text import Labels, TextRubric
from eval.judge.verdict import PASS, Verdict, Vote

NAME = "rubric"
_WELL = re.compile(
    r"\bhealthy\b|nothing is wrong|no (?:sign of (?:an )?)?(?:incident|anomal|fault)|verdict: ok|submit\(.no.\)",
    re.I,
)


class RubricJudge:
    """Judges by word matching: the same answer always gets the same verdict."""

    name = NAME

    @cached_property
    def _rubric(self) -> TextRubric:
        return TextRubric()

    async def judge(self, key: str, row: Mapping[str, Any], answer: str) -> Verdict:
        """Judge one answer."""
        labels = self.labels(row, answer)
        score = score_of(labels)
        why = f"localization {labels.localization}, mechanism {labels.mechanism}, scope {labels.scope} of 2"
        vote = Vote("the rubric", why, score, labels=labels)
        return Verdict(
            key, str(row["id"]), str(row["agent"]), NAME, score, score >= PASS, False, labels, (vote,)
        )  # fmt: skip

    def labels(self, row: Mapping[str, Any], answer: str) -> Labels:
        """Return the labels of an answer; on a healthy app it must say that all is well.

        Raises `UsageError` for a line of an earlier version, which lacks the truth's parts.
        """
        if "truth_parts" not in row:
            raise UsageError(
                f"{row['id']}: these results are of an earlier version",
                hint="run the problems again, or judge with a model",
            )
        parts = row["truth_parts"]
        if not parts["objects"]:
            well = _WELL.search(answer) is not None
            return Labels(2, 2, 2, "correct") if well else Labels(0, 0, 0, "wrong")
        return self._rubric.judge(parts, answer)


def score_of(labels: Labels) -> float:
    """The labels as a score from 0 to 10."""
    if labels.verdict == "abstained":
        return ABSTAINED
    return (labels.localization + labels.mechanism + labels.scope) * 10 / 6
