"""The loop against an endpoint that behaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.agent.loop import LLMAgent
from copilot.model.diagnosis import Verdict
from copilot.model.errors import ConfigError
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    Event,
    EvidenceFound,
    InvestigationStarted,
    Notice,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from tests.copilot.agent.world import (
    CHANGE,
    DIAGNOSIS,
    ERRORS,
    FIX,
    GOOD,
    LOGS,
    PORT,
    SCOPE,
    SERVICE,
    FakeToolbox,
    ScriptedEngine,
    agent,
    collect,
    settings,
)
from tests.loopback.openai_server import OpenAIServer, Step, calls, fail, say, submit


def of(kind: type[Any], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def answer(events: list[Event]) -> AnswerGiven:
    (given,) = of(AnswerGiven, events)
    assert "".join(delta.text for delta in of(TextDelta, events)) == given.text
    return given


async def test_a_submitted_diagnosis_is_grounded_merged_and_rendered() -> None:
    async with OpenAIServer([submit(GOOD, usage=(4000, 200, 1000))]) as server:
        events = await collect(agent(server).investigate("why does basket fail?", SCOPE))
    assert isinstance(events[0], InvestigationStarted)
    assert isinstance(events[-1], DiagnosisReady)
    assert len(of(DiagnosisReady, events)) == 1
    diagnosis = events[-1].diagnosis
    assert diagnosis.author == "scripted"
    assert diagnosis.verdict is Verdict.INCIDENT
    top = diagnosis.root_causes[0]
    assert (top.object, top.cause, top.unverified) == (
        SERVICE,
        "service.target_port_mismatch",
        False,
    )
    assert top.chain, "the engine's causal chain stays with the cause that both name"
    assert diagnosis.mitigations == (FIX,)
    assert {PORT.id, ERRORS.id, CHANGE.id} <= {piece.id for piece in diagnosis.evidence}
    assert diagnosis.usage.input_tokens == 4000
    assert diagnosis.usage.money is None
    given = answer(events)
    assert given.author == "scripted"
    assert "(unverified)" not in given.text
    assert "3 of 3 claims verified" in given.text
    assert "cost unknown" in given.text


async def test_calls_of_one_reply_run_together_and_are_answered_in_their_order() -> None:
    script = [
        calls(
            ("get_logs", {"service": "basket"}),
            ("describe", {"kind": "Service", "name": "pricing"}),
            ("get_logs", {"service": "pricing"}),
            text="Let me look.",
        ),
        submit(GOOD),
    ]
    toolbox = FakeToolbox()
    async with OpenAIServer(script) as server:
        stream = agent(server, toolbox=toolbox).investigate("what is wrong?", SCOPE)
        events = await collect(stream)
    assert toolbox.most_at_once == 3
    told = server.requests[1]["messages"][-4:]
    assert [call["id"] for call in told[0]["tool_calls"]] == [m["tool_call_id"] for m in told[1:]]
    assert "app=basket" in told[1]["content"]
    assert 'ok="no"' in told[2]["content"]
    assert "did not answer within 5 s" in told[2]["content"]
    assert "app=pricing" in told[3]["content"]
    ours = [e for e in of(ToolFinished, events) if e.call.startswith("model-")]
    assert [e.ok for e in ours] == [True, False, True]
    started = [e for e in of(ToolStarted, events) if e.call.startswith("model-")]
    assert [e.call for e in started] == [e.call for e in ours]
    assert json.loads(started[0].arguments) == {"service": "basket"}
    new = {e.evidence.id for e in of(EvidenceFound, events)}
    assert {i for e in ours for i in e.evidence} <= new
    assert "Let me look" not in answer(events).text


async def test_prose_is_streamed_checked_and_marked() -> None:
    text = (
        f"The logs show `connect: connection refused` 412 times [{LOGS.id}]. "
        f"It began at 03:04 [{ERRORS.id}]. "
        f"The error share is 43.2 % [{ERRORS.id}]. "
        f'basket says "no route to the host" [{LOGS.id}]. '
        "You should patch the Service. "
        f"Since 03:04:10 the p99 is 2.31 s, that is 2310 ms [{ERRORS.id}]."
    )
    async with OpenAIServer([say(text)]) as server:
        stream = agent(server).investigate("show me the logs of basket", SCOPE)
        events = await collect(stream)
    assert len(of(TextDelta, events)) > 2
    given = answer(events)
    assert given.author == "scripted"
    assert given.text.count("(unverified)") == 2
    assert f"The error share is 43.2 % [{ERRORS.id}]. (unverified)" in given.text
    assert f'"no route to the host" [{LOGS.id}]. (unverified)' in given.text
    assert "3 of 5 claims verified against their evidence; 1 sentence cites nothing" in given.text
    assert events[-1] == of(DiagnosisReady, events)[0]
    assert events[-1].diagnosis.author == "engine"


async def test_prose_of_which_nothing_holds_is_followed_by_the_engines_answer() -> None:
    made_up = f"All pods crash with code 137 [{LOGS.id}]. The share is 99 % [{ERRORS.id}]."
    async with OpenAIServer([say(made_up)]) as server:
        events = await collect(agent(server).investigate("show me the logs of basket", SCOPE))
    (notice,) = of(Notice, events)
    assert "Nothing that the model said holds against the evidence." in notice.text
    text = answer(events).text
    assert answer(events).author == "engine"
    assert text.startswith("All pods crash with code 137")
    assert text.index("(None of this holds against the evidence.") < text.index("Logs of basket")
    assert "".join(e.text for e in of(TextDelta, events)) == text


async def test_a_follow_up_does_not_investigate_again_and_extends_the_same_prefix() -> None:
    engine = ScriptedEngine()
    script = [submit(GOOD), say(f"It was refused [{LOGS.id}]."), say(f"Yes, low risk [{PORT.id}].")]
    async with OpenAIServer(script) as server:
        asking = agent(server, engine=engine)
        history: list[Event] = []
        for question in ("what is wrong?", "which logs show it?", "is it safe to fix it?"):
            history.append(QuestionAsked(question))
            history += await collect(asking.investigate(question, SCOPE, tuple(history)))
    assert engine.asked == ["what is wrong?"]
    assert len(of(DiagnosisReady, history)) == 1
    assert len(of(AnswerGiven, history)) == 3
    second, third = (request["messages"] for request in server.requests[1:])
    assert third[: len(second)] == second
    assert "which logs show it?" in second[-1]["content"]
    assert "Root cause" in second[-2]["content"], "the model sees what it answered"
    assert server.requests[1]["tools"] == server.requests[2]["tools"]


async def test_requests_of_one_answer_extend_the_same_prefix() -> None:
    script = [calls(("get_logs", {"service": name})) for name in ("a", "b", "c")]
    async with OpenAIServer([*script, submit(GOOD)]) as server:
        await collect(agent(server).investigate("what is wrong?", SCOPE))
    for before, after in zip(server.requests, server.requests[1:], strict=False):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert after["tools"] == before["tools"]


async def test_the_model_may_revise_the_diagnosis_in_a_follow_up() -> None:
    async with OpenAIServer([submit(GOOD), submit(GOOD)]) as server:
        asking = agent(server)
        history = await collect(asking.investigate("what is wrong?", SCOPE))
        events = await collect(asking.investigate("what should we do?", SCOPE, tuple(history)))
    assert isinstance(events[-1], DiagnosisReady)
    assert not of(InvestigationStarted, events)


async def test_another_scope_is_investigated_anew() -> None:
    engine = ScriptedEngine()
    elsewhere = type(SCOPE)(SCOPE.cluster, ("billing",), SCOPE.window)
    async with OpenAIServer([submit(GOOD), say(f"Refused [{LOGS.id}].")]) as server:
        asking = agent(server, engine=engine)
        history = await collect(asking.investigate("what is wrong?", SCOPE))
        await collect(asking.investigate("show me the logs", elsewhere, tuple(history)))
    assert len(engine.asked) == 2


async def test_what_does_not_hold_is_sent_back_once() -> None:
    wrong = json.loads(json.dumps(GOOD))
    wrong["root_causes"][0]["object"]["name"] = "prices"
    wrong["summary"] = f"The error share is 43 % [{ERRORS.id}]."
    async with OpenAIServer([submit(wrong), submit(GOOD)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    sent_back = server.requests[1]["messages"][-1]
    assert sent_back["role"] == "tool"
    assert "no Service/shop/prices was seen; known: Service/shop/pricing" in sent_back["content"]
    assert "the number 43 % is not in the cited evidence" in sent_back["content"]
    assert "(unverified)" not in answer(events).text


async def test_what_still_does_not_hold_is_marked_and_goes_behind_the_engine() -> None:
    wrong = json.loads(json.dumps(GOOD))
    wrong["root_causes"][0]["object"]["name"] = "prices"
    async with OpenAIServer([submit(wrong, times=2)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    causes = events[-1].diagnosis.root_causes  # type: ignore[union-attr]  # the last is DiagnosisReady
    assert [(c.object.name, c.unverified) for c in causes] == [("pricing", False), ("prices", True)]
    assert any("disagree" in notice.text for notice in of(Notice, events))
    assert events[-1].diagnosis.mitigations == (FIX,)  # type: ignore[union-attr]
    assert "unverified" in answer(events).text
    assert answer(events).text.index(DIAGNOSIS.summary) < answer(events).text.index("says instead")


async def test_who_agrees_on_the_place_and_not_on_what_is_wrong_there_shows_both() -> None:
    other = json.loads(json.dumps(GOOD))
    other["root_causes"][0]["cause"] = "service.port_mismatch"
    async with OpenAIServer([submit(other)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    causes = of(DiagnosisReady, events)[0].diagnosis.root_causes
    assert [(c.object.name, c.cause) for c in causes] == [
        ("pricing", "service.port_mismatch"),
        ("pricing", "service.target_port_mismatch"),
    ]
    (notice,) = of(Notice, events)
    assert "agree on Service/shop/pricing, but not on what is wrong there" in notice.text
    assert "Other candidates:" in answer(events).text


async def test_a_fix_for_an_unfounded_claim_never_comes_before_the_engines() -> None:
    wrong = json.loads(json.dumps(GOOD))
    wrong["root_causes"][0].update(cause="dependency.unreachable", evidence=[])
    wrong["mitigations"] = ["fix-2"]
    async with OpenAIServer([submit(wrong, times=2)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    diagnosis = of(DiagnosisReady, events)[0].diagnosis
    assert diagnosis.root_causes[0].cause == "service.target_port_mismatch"
    assert [mitigation.id for mitigation in diagnosis.mitigations] == ["fix-1", "fix-2"]


async def test_nobody_can_talk_an_incident_away() -> None:
    healthy = {"verdict": "healthy", "summary": f"All is well [{PORT.id}].", "root_causes": []}
    async with OpenAIServer([submit(healthy)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    assert isinstance(events[-1], DiagnosisReady)
    assert events[-1].diagnosis.verdict is Verdict.INCIDENT
    assert events[-1].diagnosis.root_causes[0].object == SERVICE
    assert any("says that nothing is wrong" in notice.text for notice in of(Notice, events))


async def test_a_model_may_abstain() -> None:
    unsure = {
        "verdict": "inconclusive",
        "summary": f"The port changed [{CHANGE.id}], which alone explains nothing.",
        "next_observation": "what the pods listen on",
    }
    async with OpenAIServer([submit(unsure)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    diagnosis = of(DiagnosisReady, events)[0].diagnosis
    assert diagnosis.verdict is Verdict.INCONCLUSIVE
    assert diagnosis.next_observation == "what the pods listen on"
    assert "The evidence does not decide" in answer(events).text


async def test_an_endpoint_without_tools_is_asked_for_json() -> None:
    refusal = fail(400, "tools are not supported by this model", param="tools")
    block = f"Here it is:\n```json\n{json.dumps(GOOD)}\n```\n"
    async with OpenAIServer([refusal, say("It is the port."), say(block), say(block)]) as server:
        asking = agent(server)
        events = await collect(asking.investigate("what is wrong?", SCOPE))
        again = await collect(asking.investigate("what is wrong?", SCOPE))
    assert "tools" in server.requests[0]
    assert "tools" not in server.requests[1]
    assert '"root_causes"' in server.requests[2]["messages"][-1]["content"], "it is told the form"
    assert '"root_causes"' in server.requests[3]["messages"][0]["content"]
    assert "tools" not in server.requests[3], "what the endpoint refuses is remembered"
    for stream in (events, again):
        assert of(DiagnosisReady, stream)[0].diagnosis.author == "scripted"


async def test_an_option_that_the_endpoint_does_not_know_is_left_out() -> None:
    script = [
        fail(400, "Unknown parameter: 'stream_options'", param="stream_options"),
        submit(GOOD, usage=None),
    ]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    assert "stream_options" not in server.requests[1]
    usage = of(DiagnosisReady, events)[0].diagnosis.usage
    assert usage.input_tokens > 1000, "without counts from the endpoint they are estimated"


async def test_calls_without_ids_get_some() -> None:
    script = [Step(calls=(("get_logs", {"service": "a"}),), ids=False), submit(GOOD)]
    async with OpenAIServer(script) as server:
        await collect(agent(server).investigate("what is wrong?", SCOPE))
    message = server.requests[1]["messages"][-1]
    assert message["tool_call_id"]
    assert server.requests[1]["messages"][-2]["tool_calls"][0]["id"] == message["tool_call_id"]


async def test_the_price_is_counted_with_cached_tokens() -> None:
    async with OpenAIServer([submit(GOOD, usage=(10_000, 1_000, 8_000))]) as server:
        stream = agent(server, model="gpt-4o-2024-08-06").investigate("what is wrong?", SCOPE)
        events = await collect(stream)
    expected = (2_000 * 2.5 + 8_000 * 1.25 + 1_000 * 10) / 1e6
    assert of(DiagnosisReady, events)[0].diagnosis.usage.money == pytest.approx(expected)
    assert f"${expected:.4f}" in answer(events).text


async def test_secrets_do_not_leave() -> None:
    toolbox = FakeToolbox(long_text="connecting with password=hunter2hunter2 now")
    script = [calls(("get_logs", {"service": "a"})), submit(GOOD)]
    question = "why is it failing? I used Authorization: Bearer abcdefghijklmnop123456"
    async with OpenAIServer(script) as server:
        await collect(agent(server, toolbox=toolbox).investigate(question, SCOPE))
    sent = json.dumps(server.requests)
    assert "hunter2hunter2" not in sent
    assert "abcdefghijklmnop123456" not in sent
    assert "[redacted:" in sent


async def test_no_endpoint_outside_this_machine_is_called_in_tests() -> None:
    async with OpenAIServer([]) as server:
        far = settings(server, base_url="https://api.openai.com/v1")
    asking = LLMAgent(ScriptedEngine(), lambda scope: FakeToolbox(), far)
    with pytest.raises(ConfigError, match="is not on this machine"):
        await collect(asking.investigate("what is wrong?", SCOPE))


async def test_a_reader_who_stops_leaves_nothing_behind() -> None:
    toolbox = FakeToolbox()
    script = [calls(("get_logs", {"service": "a"})), submit(GOOD)]
    async with OpenAIServer(script, strict=False) as server:
        stream = agent(server, toolbox=toolbox).investigate("what is wrong?", SCOPE)
        async for event in stream:
            if isinstance(event, ToolFinished) and event.call.startswith("model-"):
                break
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator
        assert len(server.requests) == 1
    assert toolbox.running == 0
