"""Answers without a model, and the text of a diagnosis."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copilot.agent.intents import Intent, classify
from copilot.agent.memory import Memory
from copilot.agent.offline import OfflineAgent
from copilot.agent.render import diagnosis_markdown
from copilot.model.diagnosis import Verdict
from copilot.model.events import (
    ActionFinished,
    AnswerGiven,
    ApprovalGiven,
    ApprovalNeeded,
    DiagnosisReady,
    Event,
    EvidenceFound,
    InvestigationStarted,
    QuestionAsked,
    TextDelta,
    ToolFinished,
)
from copilot.model.scope import Scope
from tests.copilot.agent.world import (
    DIAGNOSIS,
    ERRORS,
    FIX,
    HEALTHY,
    LOGS,
    PORT,
    SCOPE,
    FakeToolbox,
    ScriptedEngine,
    collect,
)


@pytest.mark.parametrize(
    ("question", "first", "later"),
    [
        ("", Intent.INVESTIGATE, Intent.INVESTIGATE),
        ("why is checkout failing?", Intent.INVESTIGATE, Intent.INVESTIGATE),
        ("checkout is slow, show me logs", Intent.INVESTIGATE, Intent.LOGS),
        ("is it still broken?", Intent.INVESTIGATE, Intent.INVESTIGATE),
        ("why?", Intent.INVESTIGATE, Intent.WHY),
        ("why do you think so?", Intent.INVESTIGATE, Intent.WHY),
        ("show me the logs of basket", Intent.LOGS, Intent.LOGS),
        ("what changed?", Intent.CHANGES, Intent.CHANGES),
        ("what did we do last time?", Intent.SIMILAR, Intent.SIMILAR),
        ("have we seen this before?", Intent.SIMILAR, Intent.SIMILAR),
        ("what should I do?", Intent.FIX, Intent.FIX),
        ("is it safe to roll back?", Intent.SAFE, Intent.SAFE),
        ("hand over to the next shift", Intent.HANDOVER, Intent.HANDOVER),
        ("show me the evidence", Intent.EVIDENCE, Intent.EVIDENCE),
        ("thanks", Intent.INVESTIGATE, Intent.OTHER),
    ],
)
def test_what_is_asked(question: str, first: Intent, later: Intent) -> None:
    assert classify(question, follow_up=False) is first
    assert classify(question, follow_up=True) is later


async def ask(
    question: str, history: list[Event], scope: Scope = SCOPE
) -> tuple[ScriptedEngine, FakeToolbox, list[Event]]:
    engine, toolbox = ScriptedEngine(), FakeToolbox()
    asking = OfflineAgent(engine, lambda scope: toolbox)
    return engine, toolbox, await collect(asking.investigate(question, scope, tuple(history)))


def text_of(events: list[Event]) -> str:
    (given,) = [event for event in events if isinstance(event, AnswerGiven)]
    assert given.author == "engine"
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(deltas) == given.text
    return given.text


async def known() -> list[Event]:
    _, _, events = await ask("what is wrong?", [])
    return [QuestionAsked("what is wrong?"), *events]


async def test_the_first_answer_is_the_engines_diagnosis() -> None:
    engine, _, events = await ask("what is wrong?", [])
    assert isinstance(events[0], InvestigationStarted)
    assert events[-1] == DiagnosisReady(DIAGNOSIS)
    assert text_of(events) == diagnosis_markdown(DIAGNOSIS)
    assert engine.asked == ["what is wrong?"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("why?", ["The port was changed at 03:04:02", PORT.id]),
        ("show me the evidence", [ERRORS.query, "34.2 %"]),
        (f"what does {LOGS.id} say?", [LOGS.query, "connection refused"]),
        ("what changed?", ["targetPort 8080 -> 18080"]),
        ("what did we do last time?", ["patched the Service back", "it held"]),
        ("what should I do?", [FIX.title, "kubectl patch service"]),
        ("is it safe?", ["risk low", "dry run", FIX.undo]),
        ("hand over please", ["Hand-over", "Since: 03:04:02", "nothing was changed"]),
    ],
)
async def test_follow_ups_are_answered_from_what_is_known(
    question: str, expected: list[str]
) -> None:
    engine, _, events = await ask(question, await known())
    text = text_of(events)
    assert not engine.asked
    assert [part for part in expected if part not in text] == []
    assert "without a model" in text


async def test_logs_are_fetched_for_whom_they_are_asked() -> None:
    _, toolbox, events = await ask("show me the logs of the billing service", await known())
    assert toolbox.called == [("get_logs", {"service": "billing"})]
    assert "app=billing" in text_of(events)
    assert any(isinstance(e, EvidenceFound) for e in events)
    _, toolbox, _ = await ask("logs please", await known())
    assert toolbox.called == [("get_logs", {"service": "pricing"})]


async def test_logs_that_cannot_be_had_are_said() -> None:
    class Refusing(FakeToolbox):
        async def call(self, name, arguments):  # type: ignore[no-untyped-def]  # as in the base
            return await super().call("describe", arguments)

    asking = OfflineAgent(ScriptedEngine(), lambda scope: Refusing())
    events = await collect(asking.investigate("logs of x", SCOPE, tuple(await known())))
    assert "could not be had" in text_of(events)
    assert [e.ok for e in events if isinstance(e, ToolFinished)] == [False]


async def test_what_is_not_understood_is_looked_at_again() -> None:
    engine, _, events = await ask("and the weather?", await known())
    assert engine.asked
    assert isinstance(events[-1], DiagnosisReady)


async def test_another_namespace_is_looked_at_anew() -> None:
    engine, _, _ = await ask("what changed?", await known(), replace(SCOPE, namespaces=("b",)))
    assert engine.asked
    engine, _, _ = await ask("what changed?", await known(), replace(SCOPE, services=("x",)))
    assert not engine.asked


async def test_a_hand_over_says_what_was_done() -> None:
    done = [
        ApprovalNeeded("a1", FIX, "diff"),
        ApprovalGiven("a1", True, "ada"),
        ActionFinished("a1", True, False, "error share back at 0.1 %"),
    ]
    _, _, events = await ask("hand over", [*await known(), *done])
    text = text_of(events)
    assert f"ada approved: {FIX.title}" in text
    assert "the symptom is gone" in text


def test_memory() -> None:
    memory = Memory.of([QuestionAsked("a?"), AnswerGiven("A", "x"), DiagnosisReady(DIAGNOSIS)])
    assert memory.turns == (("a?", "A"),)
    assert set(memory.evidence) == {piece.id for piece in DIAGNOSIS.evidence}
    assert not Memory().covers(SCOPE)


def test_the_cause_and_the_fix_come_first() -> None:
    text = diagnosis_markdown(DIAGNOSIS)
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == "## Root cause"
    assert lines[1].startswith("**Service/shop/pricing: Service targetPort is not a port")
    assert "confidence 91%" in lines[1]
    assert lines[2].startswith(f"**Fix:** {FIX.title}: ")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Root cause",
        "Evidence",
        "Similar incidents",
        "What to do",
        "What I looked at",
    ]
    assert LOGS.query in text
    assert "traces: not configured" in text
    assert all(f"[{piece.id}]" in text for piece in DIAGNOSIS.evidence)


def test_excerpts_cannot_leave_their_block() -> None:
    hostile = replace(LOGS, excerpt="```\n## Root cause\nall is well\n````\n[x](http://evil)")
    text = diagnosis_markdown(replace(DIAGNOSIS, evidence=(hostile,)))
    assert "`````\n```\n## Root cause" in text


def test_the_lines_that_are_quoted_are_shown() -> None:
    text = "\n".join(f"line {n} of a manifest" for n in range(200)) + "\nhostPort: 9100\nend"
    piece = replace(LOGS, text=text, excerpt="line 0 of a manifest")
    said = f"It asks for `hostPort: 9100` [{piece.id}]."
    shown = diagnosis_markdown(replace(DIAGNOSIS, summary=said, evidence=(piece,)))
    assert "```\nline 199 of a manifest\nhostPort: 9100\nend\n```" in shown
    other = diagnosis_markdown(replace(DIAGNOSIS, evidence=(piece,)))
    assert "```\nline 0 of a manifest\n```" in other


def test_healthy_and_undecided() -> None:
    text = diagnosis_markdown(HEALTHY)
    assert text.splitlines()[2].startswith("**Nothing is wrong.** All 4 services")
    assert "## Evidence" not in text
    unsure = replace(
        DIAGNOSIS, verdict=Verdict.INCONCLUSIVE, next_observation="what the pods listen on"
    )
    text = diagnosis_markdown(unsure)
    assert "**The evidence does not decide.**" in text
    assert "What would decide: what the pods listen on" in text
    assert "**Fix:**" not in text
    bare = replace(unsure, root_causes=(), evidence=(), mitigations=(), runbooks=())
    assert "does not show a cause" in diagnosis_markdown(bare)
