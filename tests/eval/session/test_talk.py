"""Conversations: each answer is judged by itself, and any agent can hold one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eval.agents.protocol import Spent
from eval.problems import Task, Turn
from eval.session.parser import Call
from eval.session.play import Limits
from eval.session.talk import talk, talked_well, wrong_with
from eval.suites.catalog import suite


class Clock:
    """Stands still, but for sleeping."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.slept, UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


class Speaker:
    """Says what it is told to."""

    turn_seconds = 4.0

    def __init__(self, *replies: str) -> None:
        self.replies, self.spent = list(replies), Spent()

    async def get_action(self, input: str, /) -> str:
        return self.replies.pop(0)


async def act(call: Call) -> str:
    return f"output of {call.name}"


@pytest.mark.parametrize(
    ("answer", "looked", "wrong"),
    [
        ("It is GEO.", 1, ""),
        ("It is geo.", 0, "did not look again"),
        ("It is rate.", 1, "does not say: geo"),
        ("It is geo, all healthy", 1, "says: healthy"),
    ],
)
def test_an_answer_is_judged(answer: str, looked: int, wrong: str) -> None:
    turn = Turn("What is wrong?", ("geo",), ("healthy",), looks=True)
    assert wrong_with(turn, answer, looked) == wrong


async def test_actions_come_before_an_answer() -> None:
    turns = [Turn("What?", ("geo",), looks=True), Turn("Sure?", ("yes",)), Turn("Why?", ("x",))]
    agent = Speaker('```\nget_logs("a", "geo")\n```', "It is geo.", '```\nsubmit("Yes.")\n```', "y")
    clock = Clock()
    played = await talk(agent, turns, act, clock, Limits(steps=3))
    assert [turn["wrong"] for turn in played.solution] == ["", "", "does not say: x"]
    assert (played.steps, played.actions, clock.slept) == (4, {"get_logs": 1}, 4 * 4 + 2)
    assert [item["role"] for item in played.trace][:4] == ["user", "assistant", "env", "assistant"]
    judged = talked_well(played.solution)
    assert not judged.success and judged.subset
    assert judged.detail.startswith('2/3 turns. "Why?" does not say: x')
    assert not talked_well(None).success


def test_the_suite_covers_what_users_do() -> None:
    problems = suite("conversation")
    assert len(problems) >= 20
    assert all(p.task is Task.CONVERSATION and len(p.turns) >= 2 for p in problems)
    sorts = {p.id.split("/")[1].split("-")[0] for p in problems}
    assert {"pronouns", "correction", "scope", "sure", "premise"} <= sorts
