"""Endpoints and models of all kinds: without tool calls, small, strict, contradictory, slow."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from copilot.agent.budget import Spent
from copilot.agent.calls import Reply
from copilot.agent.capabilities import probe
from copilot.agent.loop import LLMAgent
from copilot.agent.scripted import Scripted, ScriptedModel
from copilot.agent.settings import ModelSettings
from copilot.agent.states import State, allowed
from copilot.agent.textcalls import with_calls
from copilot.model.action import Restart, Scale
from copilot.model.events import AnswerGiven, DiagnosisReady, Event, Notice, ToolFinished
from copilot.model.protocols import ToolResult
from tests.copilot.agent.world import (
    CALLER,
    DIAGNOSIS,
    GOOD,
    LOGS,
    SCOPE,
    UNFIXED,
    WORKLOAD,
    FakeToolbox,
    ScriptedEngine,
    _tool,
    agent,
    collect,
    settings,
)
from tests.loopback.openai_server import OpenAIServer, calls, fail, say, submit


def ready(events: list[Event]) -> Any:
    return [e.diagnosis for e in events if isinstance(e, DiagnosisReady)][-1]


def block(name: str, arguments: Any) -> str:
    return f"```tool_call\n{json.dumps({'name': name, 'arguments': arguments})}\n```"


@pytest.mark.parametrize("set_", [True, False])
async def test_without_tool_calls_the_same_tools_are_offered_as_text(set_: bool) -> None:
    script = [] if set_ else [fail(400, "tools are not supported", param="tools")]
    script += [
        say(f"Let me look.\n{block('get_logs', {'service': 'a'})}\n{block('describe', {})}"),
        say(block("submit_diagnosis", GOOD)),
    ]
    toolbox = FakeToolbox()
    async with OpenAIServer(script) as server:
        asking = agent(server, toolbox=toolbox, tools="text" if set_ else "auto")
        events = await collect(asking.investigate("what is wrong?", SCOPE))
    first, second = server.requests[-2:]
    assert "tools" not in first
    system = first["messages"][0]["content"]
    assert "```tool_call" in system
    assert "- get_logs: Read a service's logs" in system
    assert [name for name, _ in toolbox.called] == ["get_logs", "describe"]
    told = second["messages"][-1]
    assert told["role"] == "user"
    assert told["content"].count("<tool_result") == 2
    assert {m["role"] for m in second["messages"]} == {"system", "user", "assistant"}
    assert ready(events).author == "scripted"


@pytest.mark.parametrize(
    "text",
    [
        block("get_logs", {"service": "a"}),
        '<tool_call>{"name": "get_logs", "arguments": {"service": "a"}}</tool_call>',
        '```json\n{"tool": "get_logs", "parameters": {"service": "a"}}\n```',
        '{"name": "get_logs", "arguments": "{\\"service\\": \\"a\\"}"}',
        'I look.\n```\n[{"function": {"name": "get_logs", "arguments": {"service": "a"}}}]\n```',
    ],
)
def test_calls_written_as_text_are_understood(text: str) -> None:
    found = with_calls(Reply(text, (), "stop", Spent()), ["get_logs"], 1)
    assert [(call.name, json.loads(call.arguments)) for call in found.calls] == [
        ("get_logs", {"service": "a"})
    ]
    assert "get_logs" not in found.text


@pytest.mark.parametrize(
    "text",
    ['{"verdict": "healthy"}', "```json\n{}\n```", '{"name": "delete_all", "arguments": {}}'],
)
def test_other_json_is_no_call(text: str) -> None:
    reply = Reply(text, (), "stop", Spent())
    assert with_calls(reply, ["get_logs"], 1) == reply


async def test_a_small_model_gets_few_tools_and_is_led() -> None:
    script = [calls(("get_logs", {"service": "pricing"})), submit(GOOD)]
    async with OpenAIServer(script) as server:
        asking = agent(server, small=True)
        events = await collect(asking.investigate("what is wrong?", SCOPE))
        large = agent(server, small=False)
    first, second = server.requests
    assert 'the next step: get_logs with {"service": "pricing"}' in first["messages"][-1]["content"]
    assert "get_logs" not in second["messages"][-1]["content"]
    names = [tool["function"]["name"] for tool in first["tools"]]
    assert names[-1] == "submit_diagnosis"
    assert len(names) <= 6
    causes = json.dumps(first["tools"][-1])
    assert "service.target_port_mismatch" in causes
    assert "storage.claim_missing" not in causes
    assert ready(events).author == "scripted"
    assert large is not asking


async def test_a_strict_schema_is_left_out_where_it_is_not_known() -> None:
    refusal = fail(400, "Unknown parameter: 'strict'", param="tools[3].function.strict")
    async with OpenAIServer([refusal, submit(GOOD)]) as server:
        events = await collect(agent(server, strict=True).investigate("what is wrong?", SCOPE))
    strict = [t["function"] for t in server.requests[0]["tools"] if t["function"].get("strict")]
    assert [one["name"] for one in strict] == ["submit_diagnosis"]
    assert strict[0]["parameters"]["additionalProperties"] is False
    assert "strict" not in json.dumps(server.requests[1]["tools"])
    assert ready(events).author == "scripted"


async def test_a_conversation_that_the_endpoint_cannot_read_is_shortened_once() -> None:
    long = FakeToolbox(long_text="a line of a log with words\n" * 400)
    too_long = fail(400, "maximum context length is 4096 tokens", code="context_length_exceeded")
    script = [calls(("get_logs", {"service": "a"})), too_long, submit(GOOD)]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, toolbox=long).investigate("what is wrong?", SCOPE))
    before, after = (json.dumps(r["messages"]) for r in server.requests[1:])
    assert len(after) < len(before)
    assert "(shortened; " in after
    said = [e.text for e in events if isinstance(e, Notice)]
    assert any("longer than the model can read" in text for text in said)
    assert ready(events).author == "scripted"


async def test_two_contradictory_answers_are_sent_back_and_never_both_taken() -> None:
    healthy = {"verdict": "healthy", "summary": f"All is well [{LOGS.id}]."}
    both = calls(("submit_diagnosis", GOOD), ("submit_diagnosis", healthy))
    async with OpenAIServer([both, submit(GOOD)]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    assert "2 different answers at once" in server.requests[1]["messages"][-2]["content"]
    assert ready(events).author == "scripted"
    async with OpenAIServer([both, both]) as server:
        events = await collect(agent(server).investigate("what is wrong?", SCOPE))
    assert ready(events).author == "engine"
    assert any("different answers" in e.text for e in events if isinstance(e, Notice))


async def test_stalls_in_mid_answer_do_not_outlive_the_time_out() -> None:
    started = time.monotonic()
    async with OpenAIServer([say("The cause is " * 20, stall=30.0)], strict=False) as server:
        asking = agent(server, timeout=0.4)
        events = await collect(asking.investigate("show me the logs", SCOPE))
    assert time.monotonic() - started < 4
    assert any("did not answer within" in e.text for e in events if isinstance(e, Notice))
    assert sum(isinstance(e, AnswerGiven) for e in events) == 1


async def test_the_capabilities_are_probed() -> None:
    two = calls(("ping", {"a": 1}), ("ping", {"a": 2}))
    async with OpenAIServer([two]) as server:
        found = await probe(settings(server))
    assert (found.tools, found.parallel, found.strict, found.usage) == (True, True, True, True)
    refusals = [
        fail(400, "Unknown parameter: 'stream_options'", param="stream_options"),
        fail(400, "tools are not supported", param="tools"),
        say("pong"),
    ]
    async with OpenAIServer(refusals) as server:
        found = await probe(settings(server))
    assert (found.tools, found.parallel, found.usage) == (False, False, False)
    assert 'tools = "text"' in str(found)


class Proposing(FakeToolbox):
    @property
    def tools(self) -> Any:
        return (*super().tools, _tool("propose_mitigation", "Propose.", action="a", object="o"))

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        if name == "propose_mitigation":
            self.called.append((name, dict(arguments)))
            return ToolResult("noted", proposals=(Restart(WORKLOAD), Scale(CALLER, 0)))
        return await super().call(name, arguments)


async def test_a_fix_is_looked_for_where_none_is_known_and_only_of_what_is_named() -> None:
    propose = ("propose_mitigation", {"action": "restart", "object": "Deployment/pricing"})
    model = ScriptedModel(
        [
            Scripted(calls=(propose,)),
            Scripted(calls=(("submit_diagnosis", UNFIXED),), expects=("not for now",)),
            Scripted(calls=(propose,), expects=("No fix is proposed yet for application.slow",)),
            Scripted(text="That is all."),
        ]
    )
    toolbox = Proposing()
    with model:
        asking = LLMAgent(
            ScriptedEngine(),
            lambda scope: toolbox,
            ModelSettings("m", context_tokens=64_000),
            model_for=lambda: model,
        )
        events = await collect(asking.investigate("what is wrong?", SCOPE))
    assert [e.ok for e in events if isinstance(e, ToolFinished) and e.call.startswith("m")] == [
        False,
        True,
    ]
    assert len(toolbox.called) == 1, "a call that the state does not allow is not carried out"
    added = [m for m in ready(events).mitigations if m.title.endswith("(proposed by m)")]
    assert [m.action for m in added] == [Restart(WORKLOAD)]


def test_each_state_has_its_tools() -> None:
    tools = ("get_logs", "show_evidence", "propose_mitigation", "submit_diagnosis")
    assert allowed(State.TRIAGE, tools) == ()
    assert allowed(State.DIAGNOSE, tools) == ("get_logs", "show_evidence", "submit_diagnosis")
    assert allowed(State.VERIFY, tools) == ("show_evidence", "submit_diagnosis")
    assert allowed(State.PROPOSE, tools, concluded=True) == tools[:3]


async def test_samples_that_disagree_lower_the_confidence() -> None:
    other = json.loads(json.dumps(GOOD))
    other["root_causes"][0].update(
        object={"kind": "Deployment", "namespace": "shop", "name": "pricing"},
        cause="dependency.unreachable",
        confidence=0.6,
    )
    script = [submit(other), submit(GOOD), submit(GOOD)]
    async with OpenAIServer(script) as server:
        events = await collect(agent(server, samples=3).investigate("what is wrong?", SCOPE))
    assert server.requests[1]["messages"] == server.requests[0]["messages"]
    said = [e.text for e in events if isinstance(e, Notice)]
    assert "2 of 3 samples name the same cause." in said
    top = ready(events).root_causes[0]
    assert top.cause == "service.target_port_mismatch"
    assert top.confidence == pytest.approx(2 / 3)
    assert DIAGNOSIS.root_causes[0].cause == top.cause
