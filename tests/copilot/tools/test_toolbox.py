from __future__ import annotations

from typing import Annotated

import pytest

from connectors.api.errors import SourceForbidden, SourceMissing, SourceRejected, SourceUnreachable
from copilot.model.errors import CorrectYourCall, NotAvailable, ToolFailure
from copilot.model.evidence import Source
from copilot.model.protocols import Tool
from copilot.tools.catalog import TOOLS
from copilot.tools.context import Context, Draft, Limits
from copilot.tools.registry import tool
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from retrieval.errors import KnowledgeError
from retrieval.values import Hit
from tests.copilot.tools.worlds import Cluster, FixedClock, app, scope, told, toolbox


@tool
async def read_pages(
    context: Context, pages: Annotated[int, "How many"], raw: Annotated[bool, "With raw"] = False
) -> Draft:
    """Read something long."""
    lines = [f"line {number} password=hunter2" for number in range(pages * 100)]
    text = "\n".join(lines)
    return Draft(Source.SHELL, "read", text, raw="RAW\n" * 10 if raw else "", caveats=("careful",))


def reading(limits: Limits | None = None) -> Toolbox:
    return Toolbox(Sources(FixedClock()), scope(), limits, (read_pages, TOOLS[-1]))


async def test_tools_fit_the_protocol_and_keep_their_order() -> None:
    box = toolbox(Cluster(app("cart")))
    tools: list[Tool] = list(box.tools)
    assert [item.name for item in tools] == [definition.name for definition in TOOLS]
    result = await tools[0].call({})
    assert "1 Deployment (1 healthy)" in result.text


async def test_a_result_is_redacted_and_remembered_as_evidence() -> None:
    box = reading()
    result = await box.call("read_pages", {"pages": 1, "raw": True})
    evidence = result.evidence[0]
    assert box.evidence == {evidence.id: evidence}
    assert "hunter2" not in result.text + evidence.text + evidence.excerpt
    assert evidence.excerpt in evidence.text
    assert evidence.text.endswith("RAW")
    assert result.text.startswith("line 0 password=[redacted:password:")
    assert evidence.id in result.text
    assert result.caveats == ("careful",)
    assert "caveat: careful" in result.text


async def test_a_long_result_is_cut_and_says_how_to_see_the_rest() -> None:
    box = reading(Limits(tokens=500))
    result = await box.call("read_pages", {"pages": 5})
    evidence = result.evidence[0]
    assert len(result.text) <= 2000
    assert f"show_evidence(id='{evidence.id}', offset=" in result.text
    offset = int(result.text.partition("offset=")[2].partition(")")[0])
    assert result.text.startswith(evidence.text[:offset])
    pages = [evidence.text[:offset]]
    while offset:
        page = (await box.call("show_evidence", {"id": evidence.id, "offset": offset})).text
        assert len(page) <= 2000
        body = page.partition("\n")[2].rpartition("\n[")
        pages.append(body[0])
        offset = int(body[2].partition("offset=")[2].partition(")")[0] or 0)
    assert "".join(pages) == evidence.text


async def test_a_repeated_call_is_answered_from_memory_for_a_while() -> None:
    clock, cluster = FixedClock(), Cluster(app("cart"))
    box = Toolbox(Sources(clock, cluster=cluster), scope())
    first = await box.call("get_events", {})
    again = await box.call("get_events", {"namespace": None, "object": ""})
    assert cluster.calls == ["list Event"]
    assert again.text.endswith(first.text)
    assert "answered from memory" in again.text
    await clock.sleep(500)
    assert "memory" not in (await box.call("get_events", {})).text
    assert cluster.calls == ["list Event"] * 2


async def test_tools_share_lists_for_a_moment() -> None:
    cluster = Cluster(app("cart"))
    box = toolbox(cluster)
    for name in ("list_resources", "get_topology", "get_changes"):
        await box.call(name, {})
    await box.call("check_connectivity", {"service": "cart"})
    assert len(cluster.calls) == len(set(cluster.calls))
    assert len(cluster.calls) <= 20


async def test_unknown_tools_and_namespaces_are_named() -> None:
    box = toolbox(Cluster())
    with pytest.raises(CorrectYourCall, match=r'no tool "get_log".*Did you mean: get_logs'):
        await box.call("get_log", {})
    with pytest.raises(CorrectYourCall, match="outside this investigation; it may read: shop"):
        await box.call("get_events", {"namespace": "kube-system"})


@pytest.mark.parametrize(
    ("error", "failure", "text"),
    [
        (SourceUnreachable("no answer"), NotAvailable, "no answer"),
        (SourceForbidden("403"), NotAvailable, "Forbidden, which does not mean absent: 403"),
        (SourceMissing("not served"), CorrectYourCall, "not served"),
        (SourceRejected("bad selector"), CorrectYourCall, "bad selector"),
    ],
)
async def test_errors_of_sources_become_one_of_two_kinds(
    error: Exception, failure: type[ToolFailure], text: str
) -> None:
    box = toolbox(Cluster(broken={"Event": error}))  # type: ignore[dict-item]  # parametrized
    with pytest.raises(failure, match=text):
        await box.call("get_events", {})


async def test_failures_are_redacted_too_and_not_remembered() -> None:
    cluster = Cluster(broken={"Event": SourceUnreachable("refused, password=hunter2")})
    box = toolbox(cluster)
    with pytest.raises(NotAvailable) as caught:
        await box.call("get_events", {})
    assert "hunter2" not in str(caught.value)
    cluster.broken.clear()
    assert "No matching events" in await told(box, "get_events")


async def test_an_object_of_unforeseen_shape_is_said_not_raised() -> None:
    odd = {"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "status": ["odd"]}
    with pytest.raises(NotAvailable, match="list_resources could not read what the source"):
        await told(toolbox(Cluster([odd])), "list_resources", kind="Pod")


async def test_a_broken_index_is_said_not_raised() -> None:
    class Broken:
        async def search(self, query: str, **more: object) -> list[Hit]:
            raise KnowledgeError("the index is locked")

    box = Toolbox(Sources(FixedClock(), knowledge=Broken()), scope())
    with pytest.raises(NotAvailable, match="the index is locked"):
        await box.call("search_knowledge", {"query": "x"})


async def test_a_slow_source_is_not_waited_for() -> None:
    box = toolbox(Cluster(delay=5), Limits(seconds=0.05))
    with pytest.raises(NotAvailable, match=r"get_events was not finished within 0\.05 s"):
        await box.call("get_events", {})


@pytest.mark.parametrize("name", [item.name for item in TOOLS])
async def test_every_tool_says_what_is_not_configured(name: str) -> None:
    box = Toolbox(Sources(FixedClock()), scope())
    usual = {"command": "kubectl get pods", "action": "restart", "object": "deploy/web"}
    required = next(item for item in TOOLS if item.name == name).parameters["required"]
    arguments = {key: usual.get(key, "x") for key in required}
    if name == "propose_mitigation":
        # It takes the name as it is, for a person to check.
        assert (await box.call(name, arguments)).proposals
        return
    with pytest.raises(ToolFailure, match=r"is configured|no evidence|[Nn]o trace store"):
        await box.call(name, arguments)


async def test_unknown_evidence_names_the_latest() -> None:
    box = reading()
    await box.call("read_pages", {"pages": 1})
    with pytest.raises(CorrectYourCall, match=f"Did you mean: {next(iter(box.evidence))}"):
        await box.call("show_evidence", {"id": "ev-nope"})
    with pytest.raises(CorrectYourCall, match="offset must be 0 to"):
        await box.call("show_evidence", {"id": next(iter(box.evidence)), "offset": 10**6})
