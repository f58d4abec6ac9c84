"""The loop against an endpoint that misbehaves: there is always an answer, and it says what happened."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from copilot.model.events import AnswerGiven, DiagnosisReady, Event, Notice, TextDelta, ToolFinished
from tests.copilot.agent.world import (
    DIAGNOSIS,
    GOOD,
    LOGS,
    SCOPE,
    FakeToolbox,
    agent,
    collect,
)
from tests.loopback.openai_server import OpenAIServer, Step, calls, fail, say, silence, submit

FORGED = {**GOOD, "root_causes": [{**GOOD["root_causes"][0], "cause": "gremlins"}]}  # type: ignore[index]  # GOOD is JSON
NO_MODEL = {"api_key": "", "timeout": 0.5}


def fell_back(events: list[Event]) -> str:
    """Check that the engine's answer stands at the end, and return what the user was told."""
    (given,) = [event for event in events if isinstance(event, AnswerGiven)]
    assert given.author == "engine"
    assert given.text.count("## Root cause") == 1
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(deltas) == given.text
    last = events[-1]
    assert isinstance(last, DiagnosisReady)
    assert last.diagnosis.root_causes == DIAGNOSIS.root_causes
    assert last.diagnosis.author == "engine"
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice.endswith("What follows is the evidence engine's own answer.")
    return notice


@pytest.mark.parametrize(
    ("script", "said", "changes"),
    [
        ([fail(500)], "answered with status 500: ", {}),
        ([fail(500, times=3)], "answered with status 500: ", {"max_retries": 2}),
        ([fail(401, "Incorrect API key")], "refused our key", {}),
        ([fail(404, "no such model")], "does not know the model scripted", {}),
        ([fail(429, "slow down")], "is limiting our requests: ", {}),
        (
            [fail(400, "maximum context length is 4096 tokens", code="context_length_exceeded")],
            "longer than scripted can read",
            {},
        ),
        ([silence()], "did not answer within 1 s", {"timeout": 1.0}),
        ([silence()], "did not answer within", {"max_seconds": 1.0}),
        ([say("")], "gave an empty answer", {}),
        ([Step(text=" \n")], "gave an empty answer", {}),
        ([Step(refusal="I cannot help with that.")], "refused to answer: I cannot help", {}),
        ([Step(text="x", finish="content_filter")], "content filter", {}),
        ([Step("cut", text="The cause")], "broke off", {}),
        ([Step("end", text="The cause")], "broke off", {}),
        ([Step("cut", calls=(("get_logs", {"service": "a"}),))], "broke off", {}),
        ([Step("end", calls=(("get_logs", {"service": "a"}),))], "broke off", {}),
        ([Step("drop")], "Nothing answers at", {}),
        ([Step("garbage")], "not an OpenAI-style reply", {}),
        ([Step(calls=(("get_logs", "{}"),), finish="length")], "length limit", {}),
        ([say("It is the network.", times=2)], "no answer that can be checked", {}),
        ([submit(FORGED, times=2)], "not in the agreed form", {}),
        ([submit('{"verdict": ', times=2)], "not in the agreed form", {}),
    ],
)
async def test_any_failure_is_said_and_the_engine_answers(
    script: list[Step], said: str, changes: dict[str, Any]
) -> None:
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, **changes).investigate("what is wrong?", SCOPE))
    assert said in fell_back(events)


async def test_nobody_there() -> None:
    async with OpenAIServer([]) as server:
        asking = agent(server)
    events = await collect(asking.investigate("what is wrong?", SCOPE))
    assert "Nothing answers at 127.0.0.1" in fell_back(events)


async def test_the_client_waits_as_long_as_it_is_told_and_retries_nothing_twice() -> None:
    script = [fail(429, headers={"Retry-After": "1"}), fail(503), submit(GOOD)]
    started = time.monotonic()
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, max_retries=2).investigate("what is wrong?", SCOPE))
    assert 1.0 <= time.monotonic() - started < 4.0
    assert len(server.requests) == 3
    assert isinstance(events[-1], DiagnosisReady)
    assert events[-1].diagnosis.author == "scripted"


async def test_waiting_for_a_busy_endpoint_ends_with_the_time_out() -> None:
    started = time.monotonic()
    async with OpenAIServer([fail(429, headers={"Retry-After": "30"})]) as server:
        stream = agent(server, max_retries=2, timeout=0.5).investigate("what is wrong?", SCOPE)
        events = await collect(stream)
    assert time.monotonic() - started < 2.0
    assert "did not answer within" in fell_back(events)


async def test_wrong_calls_go_back_to_the_model() -> None:
    script = [
        calls(("get_log", {"service": "a"}), ("get_logs", '{"service": '), ("get_logs", "[1]")),
        calls(("get_logs", {})),
        submit(GOOD),
    ]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    told = [m["content"] for m in server.requests[1]["messages"] if m["role"] == "tool"]
    assert 'There is no tool "get_log"' in told[0]
    assert "Did you mean: get_logs?" in told[0]
    assert "not valid JSON" in told[1]
    assert "must be a JSON object" in told[2]
    echoed = server.requests[1]["messages"][-4]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in echoed] == [
        {"service": "a"},
        {},
        {},
    ], "servers refuse a conversation with arguments that are not JSON"
    assert "service is missing" in server.requests[2]["messages"][-1]["content"]
    failed = [e for e in events if isinstance(e, ToolFinished) and e.call.startswith("model-")]
    assert [e.ok for e in failed] == [False] * 4
    assert isinstance(events[-1], DiagnosisReady)
    assert events[-1].diagnosis.author == "scripted"


async def test_a_model_that_turns_in_circles_is_stopped() -> None:
    toolbox = FakeToolbox()
    async with OpenAIServer([calls(("get_logs", {"service": "a"}), times=0)]) as server:
        events = await collect(agent(server, toolbox=toolbox).investigate("what is wrong?", SCOPE))
    notice = fell_back(events)
    assert "kept calling tools" in notice
    assert "nothing new" in notice
    assert len(toolbox.called) == 3
    assert "This is the last step" in server.requests[-1]["messages"][-1]["content"]


async def test_the_steps_are_limited() -> None:
    script = [calls(("get_logs", {"service": f"s-{'x' * n}"})) for n in range(1, 5)]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, max_steps=4).investigate("what is wrong?", SCOPE))
    assert "kept calling tools" in fell_back(events)
    assert len(server.requests) == 4


async def test_the_last_step_can_still_be_an_answer() -> None:
    script = [calls(("get_logs", {"service": "a"})), submit(GOOD)]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, max_steps=2).investigate("what is wrong?", SCOPE))
    assert "This is the last step" in server.requests[1]["messages"][-1]["content"]
    assert isinstance(events[-1], DiagnosisReady)
    assert events[-1].diagnosis.author == "scripted"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_tokens": 50_000}, "it used 48,000 of 50,000 tokens"),
        ({"max_money": 0.10, "model": "gpt-4o"}, "it used $0.12 of $0.10"),
    ],
)
async def test_tokens_and_money_are_limited(changes: dict[str, Any], said: str) -> None:
    script = [calls(("get_logs", {"service": "a"}), usage=(47_900, 100, 0))]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, **changes).investigate("what is wrong?", SCOPE))
    assert said in fell_back(events)
    assert events[-1].diagnosis.usage.input_tokens == 47_900  # type: ignore[union-attr]  # DiagnosisReady


async def test_no_tool_outlives_the_answer() -> None:
    started = time.monotonic()
    script = [calls(("slow", {}))]
    async with OpenAIServer(script, strict=False) as server:
        events = await collect(agent(server, max_seconds=0.6).investigate("what is wrong?", SCOPE))
    assert time.monotonic() - started < 3.0
    fell_back(events)


async def test_a_trickling_endpoint_does_not_outlive_the_answer() -> None:
    started = time.monotonic()
    script = [calls(("get_logs", {"service": "a"}), delay=0.4), silence()]
    # On a busy machine the second request may not be made any more.
    async with OpenAIServer(script, strict=False) as server:
        events = await collect(agent(server, max_seconds=1.0).investigate("what is wrong?", SCOPE))
    assert time.monotonic() - started < 3.0
    fell_back(events)


async def test_an_answer_that_breaks_off_is_completed_by_the_engine() -> None:
    text = f"The logs show that connections are refused [{LOGS.id}]. " * 8
    async with OpenAIServer([Step("cut", text=text)]) as server:
        events = await collect(agent(server).investigate("show me the logs of basket", SCOPE))
    (given,) = [event for event in events if isinstance(event, AnswerGiven)]
    assert given.author == "engine"
    assert given.text.startswith("The logs show that connections are refused")
    assert "(The model's answer breaks off here.)" in given.text
    assert "Logs of basket" in given.text
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(deltas) == given.text


async def test_a_conversation_that_cannot_fit_is_never_sent() -> None:
    async with OpenAIServer([]) as server:
        stream = agent(server, context_tokens=1_500, reply_tokens=500)
        events = await collect(stream.investigate("what is wrong?", SCOPE))
    assert "The conversation needs about" in fell_back(events)
    assert not server.requests
