"""Whatever an endpoint does, at whatever point of an answer: the user gets one, labelled, in time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from copilot.agent.claims import Sentences, sentences
from copilot.model.events import AnswerGiven, DiagnosisReady, Event, Notice, QuestionAsked
from tests.copilot.agent.test_llm_endpoints import Proposing
from tests.copilot.agent.world import GOOD, LOGS, SCOPE, UNFIXED, agent, collect
from tests.loopback.openai_server import OpenAIServer, Step, calls, fail, say, silence, submit

LOOK = calls(("get_logs", {"service": "a"}))
OTHER = {**GOOD, "verdict": "healthy", "root_causes": [], "mitigations": []}

MISBEHAVIOUR: dict[str, tuple[list[Step], str, dict[str, Any]]] = {
    "429": ([fail(429, headers={"Retry-After": "30"})], "limiting our requests", {}),
    "500": ([fail(500, times=2)], "status 500", {"max_retries": 1}),
    "time-out": ([silence()], "did not answer within 1 s", {"timeout": 1.0}),
    "cut in mid-call": ([Step("cut", calls=(("get_logs", {"service": "b"}),))], "broke off", {}),
    "malformed arguments": ([calls(("get_logs", '{"service": '), times=0)], "kept calling", {}),
    "unknown tool": ([calls(("get_everything", {}), times=0)], "kept calling", {}),
    "empty answer": ([say("")], "empty answer", {}),
    "endless loop": ([calls(("get_logs", {"service": "a"}), times=0)], "kept calling", {}),
    "endless text": ([say("word " * 4_000)], "did not stop writing", {"reply_tokens": 400}),
    "context length": ([fail(400, "maximum context length", times=2)], "longer than", {}),
    "refusal": ([Step(refusal="I must not.")], "refused to answer", {}),
    "contradiction": (
        [Step(calls=(("submit_diagnosis", GOOD), ("submit_diagnosis", OTHER)), times=2)],
        "different answers at once",
        {},
    ),
    "stall": ([Step(text="The cause " * 40, stall=20.0)], "did not answer within", {"timeout": 1.0}),
}  # fmt: skip


async def answered(script: list[Step], question: str, **changes: Any) -> tuple[list[Event], float]:
    started = time.monotonic()
    async with OpenAIServer(script, strict=False) as server:
        asking = agent(server, toolbox=Proposing(), **{"max_retries": 0, "timeout": 3.0, **changes})
        history: list[Event] = []
        questions = [question] if question == "what is wrong?" else ["what is wrong?", question]
        for asked in questions:
            history.append(QuestionAsked(asked))
            history += await collect(asking.investigate(asked, SCOPE, tuple(history)))
    assert not server.beyond, "something was asked once more than it should"
    return history, time.monotonic() - started


def labels(events: list[Event]) -> str:
    return " | ".join(event.text for event in events if isinstance(event, Notice))


@pytest.mark.parametrize("name", MISBEHAVIOUR)
async def test_in_the_middle_of_a_diagnosis_the_engine_answers(name: str) -> None:
    script, said, changes = MISBEHAVIOUR[name]
    events, seconds = await answered([LOOK, *script], "what is wrong?", **changes)
    (given,) = [event for event in events if isinstance(event, AnswerGiven)]
    assert (given.author, events[-1].type) == ("engine", "diagnosis_ready")
    assert said in labels(events)
    assert "engine's own answer" in labels(events)
    assert seconds < 15


@pytest.mark.parametrize("name", [name for name in MISBEHAVIOUR if name != "contradiction"])
async def test_after_the_diagnosis_it_stands_and_no_fix_is_proposed(name: str) -> None:
    script, said, changes = MISBEHAVIOUR[name]
    events, seconds = await answered([LOOK, submit(UNFIXED), *script], "what is wrong?", **changes)
    (given,) = [event for event in events if isinstance(event, AnswerGiven)]
    assert given.author == "scripted"
    last = events[-1]
    assert isinstance(last, DiagnosisReady)
    assert last.diagnosis.root_causes[0].cause == "application.slow"
    assert seconds < 15
    if name not in ("malformed arguments", "unknown tool", "endless loop"):
        assert said in labels(events)
        assert "No fix was proposed." in labels(events)


@pytest.mark.parametrize("name", [name for name in MISBEHAVIOUR if name != "contradiction"])
async def test_a_follow_up_is_answered_from_what_is_known(name: str) -> None:
    script, said, changes = MISBEHAVIOUR[name]
    first = [submit(GOOD), LOOK, *script]
    events, seconds = await answered(first, "show me the logs of basket", **changes)
    given = [event for event in events if isinstance(event, AnswerGiven)]
    assert [event.author for event in given] == ["scripted", "engine"]
    assert LOGS.id in given[1].text or "Logs of basket" in given[1].text
    assert said in labels(events)
    assert seconds < 15


def test_a_sentence_without_an_end_is_cut_and_does_not_cost_more_with_each_word() -> None:
    text = "word " * 20_000
    cutter = Sentences()
    started = time.process_time()
    pieces = [p for i in range(0, len(text), 5) for p in cutter.feed(text[i : i + 5])]
    assert time.process_time() - started < 5
    pieces += cutter.flush()
    assert "".join(pieces) == text
    assert max(map(len, pieces)) < 2_300
    block = "```\n" + "line of a manifest\n" * 300 + "```\n"
    assert sentences(block + "And so on.") == [block, "And so on."]
