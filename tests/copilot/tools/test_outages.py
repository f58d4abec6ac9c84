"""Every tool with every source in every bad state: a result that says what it lacks, or a clean no."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from connectors.api.errors import ConnectorError, SourceForbidden, SourceUnreachable
from connectors.api.values import Alert, Delivery, LogLine, LogPage, Series
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.tools.catalog import ALL_TOOLS
from copilot.tools.context import Limits
from copilot.tools.docs import EXAMPLES
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from retrieval.errors import KnowledgeError
from retrieval.values import Hit
from tests.copilot.tools.shell.fake import ShellCluster
from tests.copilot.tools.test_traces import STORE, Traces
from tests.copilot.tools.worlds import NOW, FixedClock, Metrics, app, scope

# Short where time runs out, long where a busy machine must not make it so.
SECONDS = {"slow": 0.8}
SOURCES = ("cluster", "metrics", "knowledge", "logs", "traces", "alerts", "changes")
SEVERAL = ("alerts", "changes")
STATES: dict[str, ConnectorError | str | None] = {
    "slow": "slow",
    "failing": SourceUnreachable("the server failed with 500"),
    "cut": SourceUnreachable("the connection was cut before the answer was complete"),
    "unauthorised": SourceForbidden("401, the credentials are not accepted"),
    "absent": None,
}
NEEDS = {
    "list_resources": "cluster",
    "describe_resource": "cluster",
    "get_events": "cluster",
    "get_changes": "",
    "check_connectivity": "cluster",
    "get_topology": "cluster",
    "exec_shell": "cluster",
    "get_metrics": "metrics",
    "search_knowledge": "knowledge",
    "get_alerts": "",
    "get_logs": "",
    "get_traces": "",
    "propose_mitigation": "",
    "show_evidence": "",
    "submit": "",
}
"""The one source without which a tool has nothing to say."""


@dataclass
class Logs:
    name: str = "loki"

    async def lines(self, *_: Any, **__: Any) -> LogPage:
        return LogPage((LogLine(NOW - timedelta(minutes=1), "ERROR kept", {"pod": "cart-1"}),))


@dataclass
class Alerts:
    name: str = "alertmanager"

    async def alerts(self, at: Any) -> list[Alert]:
        labels = {"namespace": "shop", "service": "cart"}
        return [Alert("Slow", "firing", labels, {"summary": "slow"}, NOW, "f")]


@dataclass
class Changes:
    name: str = "argocd"

    async def changes(self, start: Any, end: Any, namespaces: Any = ()) -> list[Delivery]:
        return [
            Delivery(NOW - timedelta(minutes=2), "shop", "application shop", "synced", ("cart",))
        ]


class Knowledge:
    name = "knowledge"

    async def search(self, query: str, **more: object) -> list[Hit]:
        return []


class Bad:
    """Stands before a source and spoils every call."""

    def __init__(self, source: Any, state: ConnectorError | str) -> None:
        self._source, self._state = source, state

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._source, name)
        if not callable(found) or name.startswith("_"):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            if isinstance(self._state, ConnectorError):
                if isinstance(self._source, Knowledge):
                    raise KnowledgeError(str(self._state))
                raise self._state
            await asyncio.sleep(10)

        return call


def healthy() -> dict[str, Any]:
    cluster = ShellCluster(app("cart"), log_texts={"cart-1-aaaaa": "2026-03-01T02:59:00Z ok\n"})
    metrics = Metrics(
        {
            "ALERTS{": [Series({"alertname": "Up", "alertstate": "firing"}, ((0, 1),))],
            "count(traces_service_graph": [Series({}, ((0, 1),))],
            "traces_service_graph": [Series({"client": "front", "server": "cart"}, ((0, 9),))],
        }
    )
    return {
        "cluster": cluster,
        "metrics": metrics,
        "knowledge": Knowledge(),
        "logs": Logs(),
        "traces": Traces(STORE),
        "alerts": (Alerts(),),
        "changes": (Changes(),),
    }


def spoiled(source: str, state: ConnectorError | str | None) -> dict[str, Any]:
    sources = healthy()
    if state is None:
        sources[source] = () if source in SEVERAL else None
    elif source in SEVERAL:
        sources[source] = (Bad(sources[source][0], state),)
    else:
        sources[source] = Bad(sources[source], state)
    return sources


def arguments(tool: str) -> dict[str, Any]:
    names = {"checkout": "cart", "payment": "cart"}
    found = {
        key: names.get(value, value) if isinstance(value, str) else value
        for key, value in EXAMPLES[tool].items()
        if key not in ("source", "grep", "since_minutes")
        and (tool, key) != ("get_changes", "service")
    }
    if tool == "propose_mitigation":
        found["object"] = "Deployment/shop/cart"
    if tool == "submit":
        found = {"verdict": "inconclusive", "summary": "Nothing could be seen."}
    return found


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("source", SOURCES)
async def test_every_tool_answers_in_time_or_says_what_is_missing(source: str, state: str) -> None:
    tools: Sequence[Any] = ALL_TOOLS
    seconds = SECONDS.get(state, 20.0)
    box = Toolbox(
        Sources(FixedClock(), **spoiled(source, STATES[state])),
        scope(),
        Limits(seconds=seconds),
        tools,
    )

    async def ask(tool: str) -> tuple[str, str]:
        begin = time.monotonic()
        try:
            result = await box.call(tool, arguments(tool))
            answer = "result", result.text
        except NotAvailable as error:
            answer = "missing", str(error)
        except CorrectYourCall as error:
            answer = "wrong", str(error)
        assert time.monotonic() - begin < seconds + 3
        return answer

    answers = dict(zip(NEEDS, await asyncio.gather(*(ask(tool) for tool in NEEDS)), strict=True))
    assert set(NEEDS) == {tool.name for tool in ALL_TOOLS}
    for tool, (outcome, text) in answers.items():
        if tool == "show_evidence":
            assert outcome == "wrong"
        elif NEEDS[tool] == source:
            assert outcome == "missing", (tool, text)
            assert len(text) > 20
        else:
            assert outcome == "result", (tool, text)
    told = {
        "cluster": ("get_metrics", "get_logs", "get_changes"),
        "logs": ("get_logs",),
        "metrics": ("get_alerts", "get_topology"),
    }
    told |= {"traces": ("get_traces",), "alerts": ("get_alerts",), "changes": ("get_changes",)}
    if state != "absent":
        for tool in told.get(source, ()):
            assert "\ncaveat: " in answers[tool][1], (tool, answers[tool])
