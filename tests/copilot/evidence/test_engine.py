"""The stream, its ids, and what happens when sources are missing, slow or forbidden."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from copilot.evidence.engine import EvidenceEngine
from copilot.model.action import (
    Manual,
    PatchServicePort,
    RemoveNodeSelector,
    RollBack,
    Scale,
    SetImage,
)
from copilot.model.diagnosis import Verdict
from copilot.model.events import (
    DiagnosisReady,
    EvidenceFound,
    FindingReported,
    HypothesesRanked,
    InvestigationFailed,
    InvestigationStarted,
    ToolFinished,
    ToolStarted,
)
from copilot.model.protocols import Agent
from copilot.model.scope import ObjectRef
from copilot.tools.sources import Sources
from retrieval.errors import StoreUnavailable
from retrieval.values import DocumentKind, Hit
from tests.copilot.evidence.recorded import (
    FixedClock,
    RecordedMetrics,
    Recording,
    diagnose,
    diagnose_recording,
    events_of,
)
from tests.copilot.evidence.worlds import NOW, scope, three_services


def sources_of(name: str) -> tuple[Recording, Sources]:
    recording = Recording(name)
    return recording, Sources(FixedClock(recording.now), recording.cluster)


async def test_the_stream_has_its_order_and_ends_with_a_diagnosis() -> None:
    recording, sources = sources_of("secret")
    agent: Agent = EvidenceEngine(sources)
    events = [event async for event in agent.investigate("", recording.scope())]
    assert isinstance(events[0], InvestigationStarted)
    assert isinstance(events[-1], DiagnosisReady)
    kinds = [type(e) for e in events]
    last_tool = max(i for i, k in enumerate(kinds) if k is ToolFinished)
    first_finding = kinds.index(FindingReported)
    assert last_tool < first_finding < kinds.index(HypothesesRanked) < len(events) - 1
    started = [e.call for e in events if isinstance(e, ToolStarted)]
    finished = [e.call for e in events if isinstance(e, ToolFinished)]
    assert len(set(started)) == len(started)
    assert sorted(started) == sorted(finished)
    seen: set[str] = set()
    for event in events:
        if isinstance(event, EvidenceFound):
            seen.add(event.evidence.id)
        if isinstance(event, ToolFinished | FindingReported):
            cited = event.evidence if isinstance(event, ToolFinished) else event.finding.evidence
            assert set(cited) <= seen


async def test_the_same_input_gives_the_same_stream() -> None:
    recording, sources = sources_of("targetport")
    engine = EvidenceEngine(sources, timer=lambda: 0.0)
    first = [event async for event in engine.investigate("", recording.scope())]
    second = [event async for event in engine.investigate("", recording.scope())]
    assert first == second


async def test_evidence_comes_as_soon_as_its_read_is_done() -> None:
    recording, _ = sources_of("secret")
    gate = asyncio.Event()

    class Slow(type(recording.cluster)):  # type: ignore[misc]  # a subclass of the very fake
        async def list(self, kind: str, namespace: str | None = None, **more: str):  # type: ignore[no-untyped-def]  # as its base
            if kind == "Event":
                await gate.wait()
            return await super().list(kind, namespace, **more)

    slow = Slow(recording.cluster.objects, recording.cluster.texts)
    stream = EvidenceEngine(Sources(FixedClock(recording.now), slow)).investigate(
        "", recording.scope()
    )
    async for event in stream:
        if isinstance(event, EvidenceFound):
            assert not gate.is_set()
            gate.set()
            break
    assert gate.is_set()
    rest = [event async for event in stream]
    assert isinstance(rest[-1], DiagnosisReady)


async def test_an_unreachable_cluster_fails_and_says_so() -> None:
    recording, sources = sources_of("secret")
    recording.cluster.down = True
    last = (await events_of(sources, recording.scope()))[-1]
    assert isinstance(last, InvestigationFailed)
    assert "no answer from the API server" in last.message
    symptoms = await EvidenceEngine(sources).symptoms(recording.scope())
    assert [f.code for f in symptoms] == ["cluster.unreadable"]


async def test_no_cluster_at_all() -> None:
    recording, _ = sources_of("secret")
    last = (await events_of(Sources(FixedClock(recording.now)), recording.scope()))[-1]
    assert isinstance(last, InvestigationFailed)


async def test_kinds_that_may_not_be_read_are_named_and_missed_only_there() -> None:
    recording, sources = sources_of("secret")
    recording.cluster.forbidden = {"Secret", "Node", "ReplicaSet", "Event"}
    diagnosis = await diagnose(sources, recording.scope())
    first = diagnosis.root_causes[0]
    assert (first.object.name, first.cause) == ("store", "config.secret_missing")
    assert any(line.startswith("Event: ") for line in diagnosis.missing_sources)


async def test_pods_that_may_not_be_read_make_it_inconclusive() -> None:
    recording, sources = sources_of("calm")
    recording.cluster.forbidden = {"Pod"}
    assert (await diagnose(sources, recording.scope())).verdict is Verdict.INCONCLUSIVE


async def test_a_metrics_store_that_is_down_is_a_missing_source() -> None:
    from connectors.api.errors import SourceUnreachable

    class Down(RecordedMetrics):
        async def query(self, expression: str, at: object) -> list[object]:  # type: ignore[override]  # never returns
            raise SourceUnreachable("connection refused")

        async def query_range(self, *args: object) -> list[object]:  # type: ignore[override]  # never returns
            raise SourceUnreachable("connection refused")

    recording, sources = sources_of("targetport")
    diagnosis = await diagnose(replace(sources, metrics=Down((), {})), recording.scope())
    assert diagnosis.root_causes[0].cause == "service.target_port_mismatch"
    assert "metrics: connection refused" in diagnosis.missing_sources


class Library:
    def __init__(self, hits: list[Hit]) -> None:
        self.hits = hits
        self.queries: list[str] = []

    async def search(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        today: object = None,
    ) -> list[Hit]:
        self.queries.append(query)
        return [hit for hit in self.hits if hit.kind is kind]


async def test_knowledge_is_asked_about_the_findings_and_compared() -> None:
    recording, sources = sources_of("targetport")
    past = {
        "cause": "service.target_port_mismatch",
        "services": "billing",
        "held": "yes",
        "fix": "Set it back",
    }
    library = Library(
        [
            Hit(
                "inc-7", DocumentKind.INCIDENT, "Billing down", "", "text", 0.8, "/x.md", True, past
            ),
            Hit("ports", DocumentKind.RUNBOOK, "Ports", "Check", "Compare the ports", 0.7, "/y.md"),
        ]
    )
    diagnosis = await diagnose(replace(sources, knowledge=library), recording.scope(), "what is up")
    assert "targetPort" in library.queries[0]
    incident = diagnosis.similar_incidents[0]
    assert incident.held is True
    assert "the same cause" in incident.why and "billing" in incident.why
    assert diagnosis.runbooks[0].document == "Ports"


async def test_a_broken_knowledge_source_changes_nothing_else() -> None:
    class Broken:
        async def search(self, query: str, **more: object) -> list[Hit]:
            raise StoreUnavailable("the index is gone")

    recording, sources = sources_of("targetport")
    diagnosis = await diagnose(replace(sources, knowledge=Broken()), recording.scope())
    assert diagnosis.verdict is Verdict.INCIDENT
    assert "knowledge: the index is gone" in diagnosis.missing_sources


async def test_knowledge_that_hangs_is_given_up() -> None:
    from copilot.evidence.knowledge import remember

    class Hanging:
        async def search(self, query: str, **more: object) -> list[Hit]:
            await asyncio.sleep(60)
            return []

    found = await remember(Hanging(), "why", (), (), seconds=0.05)
    assert "no answer within" in found.failure


async def test_symptoms_go_away_with_the_repair() -> None:
    before, broken = sources_of("scale0")
    after, repaired = sources_of("after-scale0")
    found = await EvidenceEngine(broken).symptoms(before.scope())
    assert "workload.zero_replicas Deployment/evi-scale0/store" in {f.key for f in found}
    assert await EvidenceEngine(repaired).symptoms(after.scope()) == ()


async def actions(name: str) -> list[object]:
    return [m.action for m in (await diagnose_recording(name)).mitigations]


async def test_the_first_mitigation_is_the_direct_one() -> None:
    assert (await actions("targetport"))[0] == PatchServicePort(
        ObjectRef("Service", "evi-targetport", "api"), 8081, 8081
    )
    assert (await actions("scale0"))[0] == Scale(ObjectRef("Deployment", "evi-scale0", "store"), 1)
    first = (await actions("nodeselector"))[0]
    assert first == RemoveNodeSelector(
        ObjectRef("Deployment", "evi-nodeselector", "api"), "kubernetes.io/hostname"
    )
    image = await actions("image")
    assert isinstance(image[0], RollBack) and image[0].revision == 1
    assert (
        SetImage(ObjectRef("Deployment", "evi-image", "api"), "api", "local/python:3.11") in image
    )
    assert isinstance((await actions("secret"))[0], Manual)


async def test_secrets_in_logs_do_not_reach_evidence() -> None:
    world = three_services()
    world.crash("api")
    world.log("api", (60, "fatal: authentication failed, password=hunter2secret"), previous=True)
    diagnosis = await diagnose(Sources(FixedClock(NOW), world.cluster), scope())
    assert "hunter2secret" not in repr(diagnosis)
    assert "authentication failed" in repr(diagnosis)
