"""Self-consistency: the same question several times, and how often the answers agree.

After Wang et al., "Self-Consistency Improves Chain of Thought Reasoning" (ICLR 2023): the answer that
most samples reach is taken, and their share says how far it can be trusted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from copilot.agent.calls import Model, Reply
from copilot.agent.merge import Checked
from copilot.agent.streams import closing
from copilot.model.errors import ModelError


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was chosen of several answers, and how many of them say the same."""

    chosen: Checked
    agreeing: int
    samples: int

    @classmethod
    def of(cls, answers: Sequence[Checked]) -> Agreement:
        """Choose the answer that most say, the earliest of them; its confidence is their share at most."""
        said = [_said(answer) for answer in answers]
        counts = Counter(said)
        most = max(counts.values())
        first = next(n for n, what in enumerate(said) if counts[what] == most)
        chosen, share = answers[first], most / len(answers)
        causes = tuple(
            replace(cause, confidence=min(cause.confidence, share)) if n == 0 else cause
            for n, cause in enumerate(chosen.root_causes)
        )
        return cls(replace(chosen, root_causes=causes), most, len(answers))

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.samples == 1:
            return "No other sample gave an answer."
        return f"{self.agreeing} of {self.samples} samples name the same cause."


def _said(answer: Checked) -> tuple[str, str, str]:
    top = answer.root_causes[0] if answer.root_causes else None
    return (
        answer.submission.verdict,
        str(top.object) if top else "",
        top.cause if top else "",
    )


async def sample(
    model: Model,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    count: int,
    *,
    seconds: float,
) -> list[Reply]:
    """Ask the same at the same time, `count` times; those that fail are left out."""
    replies = await asyncio.gather(
        *(_one(model, messages, tools, seconds) for _ in range(max(count, 0)))
    )
    return [reply for reply in replies if reply is not None]


async def _one(
    model: Model,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    seconds: float,
) -> Reply | None:
    try:
        async with closing(model.reply(messages, tools, seconds=seconds)) as parts:
            async for part in parts:
                if isinstance(part, Reply):
                    return part
    except ModelError:
        return None
    return None
