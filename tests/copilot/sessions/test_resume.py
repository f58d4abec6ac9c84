"""Killed at any moment and gone on with: nothing is asked twice, nothing is lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from copilot.agent.budget import Spent
from copilot.agent.calls import Reply, ToolCall
from copilot.agent.loop import LLMAgent
from copilot.agent.settings import ModelSettings
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    Event,
    EvidenceFound,
    QuestionAsked,
    TextDelta,
    ToolFinished,
)
from copilot.model.protocols import ToolResult
from copilot.model.scope import Scope
from copilot.sessions.database import open_database
from copilot.sessions.ledger import AnswerJournal, AnswerLedger
from copilot.sessions.resuming import INTERRUPTED
from copilot.sessions.session import Session
from copilot.sessions.store import SessionStore
from tests.copilot.agent.world import GOOD, LOGS, SCOPE, FakeToolbox, ScriptedEngine

PROSE = f"The logs say `connection refused` and more of it [{LOGS.id}]. " * 12


class Killed(BaseException):
    """The process ends here; no handler of the product sees it."""


@dataclass
class Outside:
    """What a kill does not undo: what tools and the endpoint were asked."""

    calls: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    kill_at: int = 10**9

    def write(self) -> None:
        self.writes += 1
        if self.writes == self.kill_at:
            raise Killed


class Tools(FakeToolbox):
    outside: Outside

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        result = await super().call(name, arguments)
        self.outside.calls[f"{name} {json.dumps(arguments, sort_keys=True)}"] += 1
        return result


@dataclass
class Replies:
    """A model that answers by what it was told, so that any process gets the same from it."""

    outside: Outside
    steps: Sequence[tuple[str, tuple[tuple[str, Any], ...]]]
    calls_tools: bool = True

    async def reply(
        self, messages: Sequence[Mapping[str, Any]], tools: object, *, seconds: float
    ) -> AsyncIterator[str | Reply]:
        step = sum(m["role"] == "assistant" for m in messages)
        self.outside.requests[str(step)] += 1
        text, wanted = self.steps[step]
        calls = tuple(
            ToolCall(f"c{step}.{n}", name, json.dumps(arguments))
            for n, (name, arguments) in enumerate(wanted)
        )
        for start in range(0, len(text), 40):
            yield text[start : start + 40]
        yield Reply(text, calls, "stop", Spent(1000, 50))

    async def close(self) -> None:
        """Nothing is held."""


class Everywhere:
    """A scope that is always the same."""

    async def scope(self, text: str, history: Sequence[Event], asked: Scope | None) -> Scope:
        return SCOPE


class Now:
    def now(self) -> datetime:
        return datetime(2026, 3, 4, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


DIAGNOSING = (
    ("", (("get_logs", {"service": "a"}), ("get_logs", {"service": "b"}))),
    ("", (("get_logs", {"service": "c"}), ("describe", {"kind": "Service", "name": "x"}))),
    ("", (("submit_diagnosis", GOOD),)),
)
TALKING = (("", (("get_logs", {"service": "a"}),)), (PROSE, ()))


def session(db: Engine, id: str, outside: Outside, steps: Any) -> Session:
    toolbox = Tools()
    toolbox.outside = outside
    agent = LLMAgent(
        ScriptedEngine(),
        lambda scope: toolbox,
        ModelSettings("scripted"),
        timer=lambda: 0.0,
        model_for=lambda: Replies(outside, steps),
    )
    return Session(id, Store(db, outside), agent, Everywhere(), Now())  # type: ignore[arg-type]  # fits what is used


class Store(SessionStore):
    def __init__(self, engine: Engine, outside: Outside) -> None:
        super().__init__(engine)
        self._outside = outside

    def append(self, session: str, event: Event, now: datetime) -> None:
        super().append(session, event, now)
        self._outside.write()


@pytest.fixture
def journaled(monkeypatch: pytest.MonkeyPatch) -> list[Outside]:
    """Let a kill happen right after a write of the journal, too."""
    outsides: list[Outside] = []
    put = AnswerJournal.put

    def counted(self: AnswerJournal, key: str, value: Any) -> None:
        put(self, key, value)
        outsides[-1].write()

    monkeypatch.setattr(AnswerJournal, "put", counted)
    return outsides


async def killed_at(
    db: Engine, journaled: list[Outside], question: str, steps: Any, points: Sequence[int]
) -> tuple[list[Event], Outside]:
    """Ask, die after each of `points` writes in turn, go on; return what is stored at the end."""
    outside = Outside()
    journaled.append(outside)
    store = SessionStore(db)
    id = store.create(Now().now())
    for point in (*points, 0):
        outside.kill_at = outside.writes + point if point else 10**9
        now = session(db, id, outside, steps)
        text = now.unfinished
        try:
            async for _ in now.ask(question if text is None else text):
                pass
        except Killed:
            continue
        break
    return list(store.events(id)), outside


def check(events: list[Event], whole: list[Event], outside: Outside) -> None:
    assert max(outside.calls.values()) == 1, "no call of a tool is repeated"
    assert sum(isinstance(e, QuestionAsked) for e in events) == 1
    (given,) = [e for e in events if isinstance(e, AnswerGiven)]
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == given.text
    (expected,) = [e for e in whole if isinstance(e, AnswerGiven)]
    assert given.text.endswith(expected.text), "no text is lost"
    assert given.text == expected.text or INTERRUPTED in given.text
    for kind in (ToolFinished, EvidenceFound, DiagnosisReady):
        mine = [e for e in events if isinstance(e, kind)]
        theirs = [e for e in whole if isinstance(e, kind)]
        keys = {getattr(e, "call", "") or str(getattr(e, "evidence", "")) for e in mine}
        assert keys == {getattr(e, "call", "") or str(getattr(e, "evidence", "")) for e in theirs}
    assert isinstance(events[-1], DiagnosisReady)


async def whole_and_killed(
    folder: Path,
    journaled: list[Outside],
    question: str,
    steps: Any,
    kills: Sequence[Sequence[int]],
) -> None:
    db = open_database(f"sqlite:///{folder}/state.db")
    try:
        whole, untouched = await killed_at(db, journaled, question, steps, ())
        assert untouched.writes > 20
        for points in kills:
            events, outside = await killed_at(db, journaled, question, steps, points)
            check(events, whole, outside)
            assert outside.requests.keys() == untouched.requests.keys()
        assert AnswerLedger(db).answered()[-1].booking.steps == len(steps)
    finally:
        db.dispose()


@pytest.mark.parametrize(
    ("question", "steps"), [("what is wrong?", DIAGNOSING), ("show me the logs", TALKING)]
)
async def test_killed_and_resumed(
    tmp_path: Path, journaled: list[Outside], question: str, steps: Any
) -> None:
    chosen = random.Random(7)
    kills = [[chosen.randrange(1, 30)] for _ in range(4)] + [[9, 5, 4, 3]]
    await whole_and_killed(tmp_path, journaled, question, steps, kills)


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("question", "steps"), [("what is wrong?", DIAGNOSING), ("show me the logs", TALKING)]
)
async def test_killed_at_random_points(
    tmp_path: Path, journaled: list[Outside], question: str, steps: Any, seed: int
) -> None:
    chosen = random.Random(seed)
    kills = [[chosen.randrange(1, 40) for _ in range(chosen.randrange(1, 4))] for _ in range(20)]
    await whole_and_killed(tmp_path, journaled, question, steps, kills)


async def test_the_engine_is_not_asked_again(tmp_path: Path, journaled: list[Outside]) -> None:
    db = open_database(f"sqlite:///{tmp_path}/state.db")
    outside = Outside(kill_at=22)
    journaled.append(outside)
    id = SessionStore(db).create(Now().now())
    with pytest.raises(Killed):
        async for _ in session(db, id, outside, DIAGNOSING).ask("what is wrong?"):
            pass
    engine = ScriptedEngine()
    toolbox = Tools()
    toolbox.outside = outside
    agent = LLMAgent(
        engine,
        lambda scope: toolbox,
        ModelSettings("scripted"),
        model_for=lambda: Replies(outside, DIAGNOSING),
    )
    again = Session(id, SessionStore(db), agent, Everywhere(), Now())  # type: ignore[arg-type]  # as above
    assert again.unfinished == "what is wrong?"
    async for _ in again.ask("what is wrong?"):
        pass
    assert engine.asked == []
    assert again.unfinished is None
    assert again.diagnosis is not None
    db.dispose()


async def test_somebody_may_stop_an_answer(tmp_path: Path, journaled: list[Outside]) -> None:
    db = open_database(f"sqlite:///{tmp_path}/state.db")
    outside = Outside()
    journaled.append(outside)
    id = SessionStore(db).create(Now().now())
    slow = (("", (("slow", {}),)),)
    asked = session(db, id, outside, slow)
    answers = []
    async for event in asked.ask("what is wrong?"):
        if event.type == "tool_started":
            asked.stop()
        if isinstance(event, AnswerGiven):
            answers.append(event)
    assert [one.author for one in answers] == ["engine"]
    row = AnswerLedger(db).answered()[-1]
    assert "you stopped it" in row.booking.fallback
    db.dispose()
