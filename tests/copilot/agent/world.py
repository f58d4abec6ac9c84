"""A cluster that was really like this once: an engine and tools with what they saw of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from copilot.agent.loop import LLMAgent
from copilot.agent.settings import ModelSettings
from copilot.model.action import Mitigation, PatchServicePort, Restart, Risk
from copilot.model.diagnosis import (
    Diagnosis,
    Finding,
    Passage,
    RootCause,
    Severity,
    SimilarIncident,
    Step,
    Usage,
    Verdict,
)
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.events import (
    DiagnosisReady,
    Event,
    EvidenceFound,
    FindingReported,
    HypothesesRanked,
    InvestigationStarted,
    ToolFinished,
    ToolStarted,
)
from copilot.model.evidence import Evidence, Source
from copilot.model.protocols import ToolResult
from copilot.model.scope import ObjectRef, Scope, Window
from tests.loopback.openai_server import OpenAIServer

NOW = datetime(2026, 3, 4, 3, 12, 40, tzinfo=UTC)
SCOPE = Scope("prod", ("shop",), Window.last(NOW))
SERVICE = ObjectRef("Service", "shop", "pricing")
WORKLOAD = ObjectRef("Deployment", "shop", "pricing")
CALLER = ObjectRef("Deployment", "shop", "basket")
POD = ObjectRef("Pod", "shop", "basket-6d5f8c9b7d-x2x4q")


def _seen(
    source: Source, query: str, text: str, *objects: ObjectRef, excerpt: str = ""
) -> Evidence:
    return Evidence.of(
        source,
        query,
        text,
        start=SCOPE.window.start,
        end=SCOPE.window.end,
        excerpt=excerpt,
        objects=objects,
    )


PORT = _seen(
    Source.KUBERNETES,
    "kubectl get service pricing -n shop -o yaml",
    "kind: Service\nmetadata:\n  name: pricing\n  namespace: shop\nspec:\n  ports:\n"
    "  - port: 8080\n    targetPort: 18080\nendpoints: 3 ready, none listens on 18080",
    SERVICE,
)
ERRORS = _seen(
    Source.METRICS,
    'sum(rate(http_requests_total{service="basket",code=~"5.."}[1m]))',
    "basket: error share 34.2 % since 03:04:10 (baseline 0.1 %), p99 2.31 s (baseline 48 ms)",
    CALLER,
)
LOGS = _seen(
    Source.LOGS,
    "kubectl logs -n shop deploy/basket --since=15m",
    '412x 03:04:11-03:12:38 level=error msg="call pricing:8080: dial tcp 10.0.0.7:8080: connect: '
    'connection refused" pod=basket-6d5f8c9b7d-x2x4q',
    CALLER,
    POD,
)
CHANGE = _seen(
    Source.CHANGES,
    "changes in shop, 02:12-03:12",
    "03:04:02 Service shop/pricing spec.ports[0].targetPort 8080 -> 18080 by deploy-bot",
    SERVICE,
)
FIX = Mitigation(
    id="fix-1",
    cause="service.target_port_mismatch",
    title="Set targetPort of Service pricing back to 8080",
    action=PatchServicePort(SERVICE, 8080, 8080),
    risk=Risk.LOW,
    undo='kubectl patch service pricing -n shop -p \'{"spec":{"ports":[{"port":8080,'
    '"targetPort":18080}]}}\'',
    kubectl='kubectl patch service pricing -n shop -p \'{"spec":{"ports":[{"port":8080,'
    '"targetPort":8080}]}}\'',
    expected="the error share of basket falls back to its baseline",
    evidence=(PORT.id,),
)
RESTART = Mitigation(
    id="fix-2",
    cause="dependency.unreachable",
    title="Restart Deployment pricing",
    action=Restart(WORKLOAD),
    risk=Risk.MEDIUM,
    undo="nothing to undo",
    kubectl="kubectl rollout restart deployment pricing -n shop",
)
DIAGNOSIS = Diagnosis(
    verdict=Verdict.INCIDENT,
    summary=f"Calls to pricing are refused since its Service sends them to port 18080, where "
    f"nothing listens [{PORT.id}].",
    scope=SCOPE,
    root_causes=(
        RootCause(
            object=SERVICE,
            cause="service.target_port_mismatch",
            summary="targetPort 18080 is not a port that the pods of pricing listen on",
            confidence=0.91,
            evidence=(PORT.id, CHANGE.id),
            chain=(
                Step("The port was changed at 03:04:02", (CHANGE.id,)),
                Step("basket cannot connect to pricing", (LOGS.id,)),
            ),
        ),
        RootCause(
            object=WORKLOAD,
            cause="dependency.unreachable",
            summary="pricing refuses connections",
            confidence=0.2,
            evidence=(LOGS.id,),
        ),
    ),
    findings=(
        Finding(
            "service.no_listener",
            SERVICE,
            Severity.CRITICAL,
            "no pod listens on targetPort 18080",
            (PORT.id,),
            onset=datetime(2026, 3, 4, 3, 4, 2, tzinfo=UTC),
            supports=("service.target_port_mismatch",),
        ),
        Finding("errors.rising", CALLER, Severity.WARNING, "34.2 % of calls fail", (ERRORS.id,)),
    ),
    evidence=(PORT, ERRORS, LOGS, CHANGE),
    mitigations=(FIX, RESTART),
    similar_incidents=(
        SimilarIncident(
            "INC-17",
            "Checkout down after a port clean-up",
            "2025-11-02",
            "targetPort pointed to a closed port",
            "patched the Service back",
            True,
            0.8,
            "the same error text",
            "incidents/inc-17.md",
        ),
    ),
    runbooks=(
        Passage("connection-refused.md", "Check the ports", "Compare targetPort…", 0.7, "r"),
    ),
    looked_at=("Services, Deployments and Pods of shop", "error share and latency of 4 services"),
    missing_sources=("traces: not configured",),
    usage=Usage(seconds=0.8, tool_calls=6),
)
HEALTHY = replace(
    DIAGNOSIS,
    verdict=Verdict.HEALTHY,
    summary="All 4 services answer as they did in the baseline.",
    root_causes=(),
    findings=(),
    mitigations=(),
    similar_incidents=(),
    runbooks=(),
)
GOOD = {
    "verdict": "incident",
    "summary": f"pricing cannot be reached because its Service points to port 18080 [{PORT.id}]. "
    f"Since 03:04 basket fails 34.2 % of its calls [{ERRORS.id}].",
    "root_causes": [
        {
            "object": {"kind": "Service", "namespace": "shop", "name": "pricing"},
            "cause": "service.target_port_mismatch",
            "summary": f"targetPort 18080 has no listener [{PORT.id}]",
            "confidence": 0.95,
            "evidence": [PORT.id, CHANGE.id],
        }
    ],
    "mitigations": ["fix-1"],
}
UNFIXED = {
    **GOOD,
    "root_causes": [
        {
            "object": {"kind": "Deployment", "namespace": "shop", "name": "pricing"},
            "cause": "application.slow",
            "summary": f"pricing is what fails [{LOGS.id}]",
            "confidence": 0.9,
            "evidence": [LOGS.id],
        }
    ],
    "mitigations": [],
}
"""A right answer to a trouble that no fix is known for."""


@dataclass
class ScriptedEngine:
    """An engine that always finds the same."""

    diagnosis: Diagnosis = DIAGNOSIS
    asked: list[str] = field(default_factory=list)

    async def investigate(self, question: str, scope: Scope) -> AsyncIterator[Event]:
        self.asked.append(question)
        yield InvestigationStarted(scope)
        yield ToolStarted("engine-1", "snapshot")
        for piece in self.diagnosis.evidence:
            yield EvidenceFound(piece)
        yield ToolFinished("engine-1", "snapshot", True, 0.4, "", ())
        for finding in self.diagnosis.findings:
            yield FindingReported(finding)
        yield HypothesesRanked(self.diagnosis.root_causes)
        yield DiagnosisReady(self.diagnosis)


@dataclass(frozen=True)
class FakeTool:
    name: str
    description: str
    parameters: Mapping[str, Any]

    async def call(self, arguments: Mapping[str, Any]) -> ToolResult:
        raise AssertionError("the agent calls through the toolbox")


def _tool(name: str, description: str, /, **properties: str) -> FakeTool:
    schema = {
        "type": "object",
        "properties": {key: {"type": "string", "description": d} for key, d in properties.items()},
        "required": list(properties),
    }
    return FakeTool(name, description, schema)


@dataclass
class FakeToolbox:
    """Tools that answer from what is given, and remember what they were asked."""

    evidence: dict[str, Evidence] = field(default_factory=dict)
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0
    long_text: str = ""

    @property
    def tools(self) -> Sequence[FakeTool]:
        return (
            _tool("get_logs", "Read a service's logs as templates.", service="the service"),
            _tool("describe", "Describe one object.", kind="its kind", name="its name"),
            _tool("slow", "Takes long."),
        )

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        self.called.append((name, dict(arguments)))
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await asyncio.sleep(30 if name == "slow" else 0.01)
        finally:
            self.running -= 1
        if name == "describe":
            raise NotAvailable("kubernetes at https://10.0.0.1 did not answer within 5 s")
        if "service" not in arguments:
            raise CorrectYourCall("get_logs(service): service is missing")
        who = arguments["service"]
        text = (
            self.long_text or f'31x 03:04-03:12 level=warn msg="no request since 03:04" app={who}'
        )
        piece = _seen(Source.LOGS, f"kubectl logs -n shop deploy/{who}", text, excerpt=text[:200])
        self.evidence[piece.id] = piece
        return ToolResult(f"{text}\n[{piece.id}: {piece.query}]", (piece,))


def settings(server: OpenAIServer, **changes: Any) -> ModelSettings:
    return ModelSettings(
        **{
            "model": "scripted",
            "base_url": server.base_url,
            "api_key": "key-of-a-test",
            "timeout": 5.0,
            "max_retries": 0,
            **changes,
        }
    )


def agent(
    server: OpenAIServer,
    *,
    engine: ScriptedEngine | None = None,
    toolbox: FakeToolbox | None = None,
    **changes: Any,
) -> LLMAgent:
    box = toolbox or FakeToolbox()
    return LLMAgent(engine or ScriptedEngine(), lambda scope: box, settings(server, **changes))


async def collect(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]
