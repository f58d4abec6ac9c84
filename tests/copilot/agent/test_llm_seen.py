"""What can be seen of the inside: spans, scripts, the cost of a prompt, recommendations."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from copilot.agent import telemetry as t
from copilot.agent.loop import LLMAgent
from copilot.agent.recommend import from_retrieval, recommend
from copilot.agent.scripted import Scripted, ScriptedModel, ScriptNotFollowed
from copilot.agent.seams import Answering, Forgetful
from copilot.agent.settings import ModelSettings
from copilot.model.errors import ConfigError
from copilot.model.events import DiagnosisReady
from retrieval.values import DocumentKind, Hit
from tests.copilot.agent.world import GOOD, SCOPE, FakeToolbox, ScriptedEngine, collect

LOOK = Scripted(calls=(("get_logs", {"service": "a"}), ("describe", {"kind": "x", "name": "y"})))
SUBMIT = Scripted(calls=(("submit_diagnosis", GOOD),))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


async def asked(model: ScriptedModel, given: Answering | None = None) -> list[Any]:
    asking = LLMAgent(
        ScriptedEngine(),
        lambda scope: FakeToolbox(long_text="x=1 password=hunter2hunter2"),
        ModelSettings("m", base_url="http://127.0.0.1:9/v1", context_tokens=64_000),
        model_for=lambda: model,
    )
    stream = asking.answer("what is wrong?", SCOPE, (), given or Answering("s-1"))
    return await collect(stream)


@pytest.mark.parametrize("content", [False, True])
async def test_spans_follow_the_conventions_and_hold_no_content_unless_asked(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, content: bool
) -> None:
    monkeypatch.setenv(t.CONTENT, "true" if content else "")
    await asked(ScriptedModel([LOOK, SUBMIT]))
    found = spans.get_finished_spans()
    names = [span.name for span in found]
    assert names.count("chat m") == 2
    assert {"execute_tool get_logs", "execute_tool describe"} <= {*names}
    (root,) = [span for span in found if span.name == "invoke_agent incident-copilot"]
    assert root.attributes and root.attributes[t.CONVERSATION] == "s-1"
    assert all(s.parent and s.parent.span_id == root.context.span_id for s in found if s != root)
    (chat, *_) = [span for span in found if span.name == "chat m"]
    assert chat.attributes
    assert chat.attributes[t.OPERATION] == "chat"
    assert chat.attributes[t.SERVER] == "127.0.0.1"
    assert int(str(chat.attributes[t.INPUT_TOKENS])) > 1000
    (failed,) = [span for span in found if span.name == "execute_tool describe"]
    assert failed.attributes and failed.attributes[t.ERROR] == "tool_error"
    whole = "".join(span.to_json() for span in found)
    assert ("targetPort" in whole) is content
    assert "hunter2hunter2" not in whole


async def test_a_failure_is_on_the_root_span(spans: InMemorySpanExporter) -> None:
    await asked(ScriptedModel([Scripted(error="It is on fire.")]))
    root = spans.get_finished_spans()[-1]
    assert root.attributes and root.attributes[t.ERROR] == "model_error"


async def test_every_answer_is_booked() -> None:
    journal = Forgetful()
    await asked(ScriptedModel([LOOK, SUBMIT]), Answering(journal=journal))
    (booking,) = journal.bookings
    assert (booking.steps, booking.tool_calls, booking.tool_errors) == (2, 2, 1)
    assert (booking.claims, booking.verified, booking.fallback) == (3, 3, "")
    assert booking.money is None
    assert len(booking.prompts) == 8
    again = Forgetful()
    await asked(ScriptedModel([Scripted(error="It is on fire.")]), Answering(journal=again))
    assert "It is on fire" in again.bookings[-1].fallback


async def test_consecutive_requests_extend_the_same_prefix() -> None:
    look = [Scripted(calls=(("get_logs", {"service": f"s{n * 'x'}"}),)) for n in range(5)]
    model = ScriptedModel([*look, SUBMIT])
    await asked(model)
    for (before, tools), (after, same) in pairwise(model.requests):
        assert after[: len(before)] == before
        assert same == tools
    cached = sum(spent.cached for spent in model.spent) / sum(s.input for s in model.spent)
    assert cached > 0.7


async def test_a_script_complains_when_it_is_not_followed(tmp_path: Path) -> None:
    unused = pytest.raises(ScriptNotFollowed, match="1 of 2 steps were not used")
    with unused, ScriptedModel([SUBMIT, SUBMIT]) as model:
        await asked(model)
    missing = pytest.raises(ScriptNotFollowed, match="'cheese', which was not sent")
    cheese = Scripted(calls=SUBMIT.calls, expects=("cheese",))
    with missing, ScriptedModel([cheese]) as model:
        await asked(model)
    with pytest.raises(ScriptNotFollowed, match="beyond the end"), ScriptedModel([]) as model:
        await asked(model)
    file = tmp_path / "script.jsonl"
    step = {"calls": [{"name": "submit_diagnosis", "arguments": GOOD}], "expects": "pricing"}
    file.write_text(json.dumps({"text": "See [ev:{refused}]."}) + "\n" + json.dumps(step))
    with ScriptedModel.read(file) as model:
        events = await asked(model)
    assert isinstance(events[-1], DiagnosisReady)
    assert "See [ev-" in str(model.requests[1][0])
    file.write_text('{"txt": "x"}')
    with pytest.raises(
        ConfigError, match=r"script.jsonl:1 is not a step of a script: unknown: txt"
    ):
        ScriptedModel.read(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        ScriptedModel.read(tmp_path / "none.jsonl")


def past(number: int, cause: str, fix: str, held: str = "", **more: str) -> Hit:
    known = {"id": f"INC-{number}", "cause": cause, "fix": fix, "held": held, **more}
    return Hit(f"d{number}", DocumentKind.INCIDENT, f"Incident {number}", "", "", 1 - number / 10, "p", metadata=known)  # fmt: skip


HITS = (
    past(1, "service.target_port_mismatch", "Patched the port back", "true"),
    past(2, "network.policy_blocks", "Deleted the policy", "no"),
    past(3, "service.target_port_mismatch", "Patched the port back"),
)


def test_recommendations_from_retrieval_alone() -> None:
    found = from_retrieval("checkout refused, connection pool exhausted", HITS)
    assert len(found.causes) == 5
    assert found.causes[0].sources == ("INC-1", "INC-3")
    assert "targetPort" in found.causes[0].text
    assert found.mitigations[0].text == "Patched the port back"
    assert found.mitigations[-1].text == "Deleted the policy (it did not hold then)"
    assert found.author == "retrieval"
    nothing = from_retrieval("connection pool exhausted", ())
    assert "pool" in nothing.causes[0].text
    assert nothing.causes[0].sources == ()


async def test_recommendations_of_a_model_cite_what_was_retrieved_and_hold_no_unsafe_command() -> (
    None
):
    written = {
        "causes": [{"text": "The targetPort is wrong", "sources": ["INC-1", "INC-99"]}],
        "mitigations": [
            {"text": "Run `kubectl delete namespace shop`", "sources": ["INC-1"]},
            {"text": "Run `kubectl get svc -n shop` and set the port back", "sources": []},
        ],
    }
    found = from_retrieval("refused", HITS)
    model = ScriptedModel([Scripted(text=f"Here:\n{json.dumps(written)}", expects=("INC-1",))])
    with model:
        said = await recommend(model, "m", "Refused", "since noon", found, seconds=5)
    assert said.causes[0].sources == ("INC-1",)
    assert len(said.causes) == 5
    assert all("delete namespace" not in s.text for s in said.mitigations)
    assert "left out" in said.notices[0]
    broken = ScriptedModel([Scripted(text="I do not know.")])
    said = await recommend(broken, "m", "Refused", "", found, seconds=5)
    assert said.author == "retrieval"
    assert "retrieval alone" in said.notices[0]
