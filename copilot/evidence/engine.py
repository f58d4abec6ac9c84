"""The evidence engine: reads the scope once, examines it, ranks causes, and says how sure it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic

from connectors.api.protocols import ClusterReader
from copilot.evidence import ablation
from copilot.evidence.analyzers.registry import examine
from copilot.evidence.case import Case
from copilot.evidence.collect import ObjectReads
from copilot.evidence.collect_logs import LogReads, unread_line
from copilot.evidence.collect_metrics import MetricReads
from copilot.evidence.focus import focus
from copilot.evidence.ledger import Ledger
from copilot.evidence.reads import Reader
from copilot.evidence.report import Report, draw_up
from copilot.evidence.snapshot import NO_TELEMETRY, Snapshot
from copilot.evidence.wanted import CLUSTER_WIDE, NAMESPACED, ON_DEMAND, WEBHOOKS
from copilot.model.diagnosis import Finding, Severity, Verdict
from copilot.model.events import (
    DiagnosisReady,
    Event,
    EvidenceFound,
    FindingReported,
    HypothesesRanked,
    InvestigationFailed,
    InvestigationStarted,
    ToolFinished,
    ToolStarted,
)
from copilot.model.evidence import Evidence
from copilot.model.history import Seen
from copilot.model.scope import ObjectRef, Scope
from copilot.tools.sources import Sources
from retrieval.values import KnowledgeSource

_OPTIONAL = frozenset({"Secret", "StorageClass", "Namespace", "PersistentVolume", "Endpoints",
                       "HorizontalPodAutoscaler", "Ingress", "LimitRange", "ServiceAccount", *WEBHOOKS})  # fmt: skip


class EvidenceEngine:
    """An `Agent` without a model.

    `retriever` is searched for similar incidents and runbooks; without one, the knowledge of the
    sources is. Whatever it does, the diagnosis does not depend on it. `timer` counts real seconds.
    `without` names sources to leave out (`copilot.evidence.ablation.PARTS`). `learn` is given what was
    read, and must return at once.
    """

    def __init__(
        self,
        sources: Sources,
        *,
        retriever: KnowledgeSource | None = None,
        timer: Callable[[], float] = monotonic,
        without: Collection[str] = (),
        learn: Callable[[Case], None] | None = None,
    ) -> None:
        self._without = ablation.check(without)
        if "metrics" in self._without:
            sources = replace(sources, metrics=None)
        self._sources = sources
        self._timer = timer
        self._learn = learn
        self._retriever = retriever or sources.knowledge
        if "knowledge" in self._without:
            self._retriever = None

    async def investigate(self, question: str, scope: Scope) -> AsyncIterator[Event]:
        """Look at `scope` and answer `question` ("" for a plain health check)."""
        started, timed = self._sources.clock.now(), self._timer()
        yield InvestigationStarted(scope)
        reader = Reader(self._sources.clock, f"{question}\x00{scope!r}")
        gathered: list[Evidence] = []
        state = _State(self._sources, scope, started, reader, self._without)
        async for event in state.collect():
            if isinstance(event, EvidenceFound):
                gathered.append(event.evidence)
            yield event
        if state.unreadable:
            yield InvestigationFailed(
                "UnavailableError" if self._sources.cluster else "ConfigError",
                state.unreadable,
                "Run `incident-copilot doctor` to see which source fails, and why.",
            )
            return
        await state.recall()
        snapshot, ledger = state.snapshot(), Ledger(scope, state.now)
        case = Case(snapshot, ledger)
        clues = examine(case)
        report = draw_up(case, clues, focus(case, question))
        await state.remember(report.verdict)
        cited = report.cited()
        quoted = [item for item in ledger.all() if item.id in cited]
        for item in quoted:
            yield EvidenceFound(item)
        for clue in sorted(clues, key=lambda c: -c.weight):
            yield FindingReported(clue.finding)
        yield HypothesesRanked(report.candidates)
        remembered = await report.remember(self._retriever, question)
        if self._learn is not None:
            self._learn(case)
        yield DiagnosisReady(
            report.diagnosis(
                evidence=_unique([*gathered, *quoted]),
                remembered=remembered,
                missing=state.missing_sources(),
                looked_at=state.looked_at(),
                seconds=self._timer() - timed,
                calls=reader.calls,
            )
        )

    async def symptoms(self, scope: Scope) -> tuple[Finding, ...]:
        """Return what is wrong in `scope` now, without ranking or knowledge.

        Findings have a `key` that stays the same over time: a symptom is gone when its key is.
        Raises nothing of the sources; an unreadable cluster gives one finding that says so.
        """
        state = await self._gathered(scope)
        if state.unreadable:
            return (blind(scope, state.unreadable),)
        case = Case(state.snapshot(), Ledger(scope, state.now))
        clues = [
            c for c in examine(case) if c.weight > 0 and c.finding.severity is not Severity.INFO
        ]
        found = tuple(c.finding for c in sorted(clues, key=lambda c: -c.weight))
        return (*found, *(blind(scope, failure) for failure in case.failures))

    async def look(self, scope: Scope) -> Report | None:
        """Return the ranked report of `scope` without events, and remember what was there.

        None when nothing can be read.
        """
        state = await self._gathered(scope)
        if state.unreadable:
            return None
        await state.recall()
        report = reason(state.snapshot())
        await state.remember(report.verdict)
        return report

    async def read(self, scope: Scope) -> Snapshot | None:
        """Return what an investigation of `scope` would read; None when nothing can be read."""
        state = await self._gathered(scope)
        if state.unreadable:
            return None
        await state.recall()
        return state.snapshot()

    async def _gathered(self, scope: Scope) -> _State:
        """Read what is there now, without events."""
        reader = Reader(self._sources.clock, repr(scope))
        state = _State(self._sources, scope, self._sources.clock.now(), reader, self._without)
        async for _ in state.collect():
            pass
        return state


def reason(snapshot: Snapshot, question: str = "") -> Report:
    """Return the ranked report of what was read: the engine's reasoning alone, without any call."""
    case = Case(snapshot, Ledger(snapshot.scope, snapshot.now))
    return draw_up(case, examine(case), focus(case, question))


class _State:
    """What one investigation has read so far."""

    def __init__(
        self, sources: Sources, scope: Scope, now: datetime, reader: Reader, without: frozenset[str]
    ) -> None:
        self._sources = sources
        self._without = without
        self._scope = scope
        self._reader = reader
        # The cluster answers for the present, whatever the window's end.
        self.now = max(now, scope.window.end)
        self._objects: ObjectReads | None = None
        self._metrics: MetricReads | None = None
        self._logs: LogReads | None = None
        self._failed_kinds: dict[str, str] = {}
        self._seen: tuple[Seen, ...] = ()
        self.unreadable = ""

    async def collect(self) -> AsyncIterator[ToolStarted | EvidenceFound | ToolFinished]:
        """Read objects and metrics side by side, then the logs that the objects call for."""
        cluster = self._sources.cluster
        if cluster is None:
            self.unreadable = "No cluster is configured: there is nothing to look at."
            return
        self._objects = ObjectReads(cluster, self._scope, self.now)
        reads = self._objects.plan()
        if self._sources.metrics is not None:
            self._metrics = MetricReads(self._sources.metrics, self._scope, self.now)
            reads += self._metrics.plan()
        async for event in self._reader.run(reads):
            yield event
        self._failed_kinds = self._kind_failures()
        if not self._objects.objects:
            reason = next(iter(self._failed_kinds.values()), "no kind could be listed")
            self.unreadable = f"The cluster cannot be read: {reason}"
            return
        more = self._objects.more()
        if self._metrics is not None:
            more += self._metrics.more(self._objects.objects)
        async for event in self._reader.run(more):
            yield event
        self._failed_kinds = self._kind_failures()
        async for event in self._read_logs(cluster):
            yield event

    async def recall(self) -> None:
        """Take up what earlier looks found: causes and repairs need it, symptoms do not."""
        if self._sources.history is not None and "history" not in self._without:
            self._seen = tuple(await self._sources.history.seen(self._scope))

    async def remember(self, verdict: Verdict) -> None:
        """Keep what was there for later looks, and whether nothing was wrong with it."""
        if self._sources.history is None or self._objects is None:
            return
        well = verdict is Verdict.HEALTHY
        objects = [item for items in self._objects.objects.values() for item in items]
        await self._sources.history.note(self._scope, objects, self.now, well=well)

    async def _read_logs(
        self, cluster: ClusterReader
    ) -> AsyncIterator[ToolStarted | EvidenceFound | ToolFinished]:
        if "logs" in self._without:
            return
        self._logs = LogReads(cluster, self.snapshot())
        async for event in self._reader.run(self._logs.plan()):
            yield event

    def _kind_failures(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for call, reason in self._reader.failures.items():
            for kind in (*NAMESPACED, *CLUSTER_WIDE, *ON_DEMAND):
                if call.startswith("cluster_list") and f'"kind": "{kind}"' in call:
                    found[kind] = reason
        return found

    def snapshot(self) -> Snapshot:
        """Return everything read so far, as one view."""
        found = Snapshot(
            self._scope,
            self.now,
            self._objects.objects if self._objects else {},
            missing=self._failed_kinds,
            logs=self._logs.logs if self._logs else (),
            telemetry=self._metrics.telemetry if self._metrics else NO_TELEMETRY,
            seen=self._seen,
        )
        return ablation.without(found, self._without) if self._without else found

    def missing_sources(self) -> tuple[str, ...]:
        """Return one line per source, or essential kind, that could not be used."""
        found = []
        if self._sources.metrics is None:
            found.append("metrics: not configured")
        failures = self._reader.failures
        metric = [reason for call, reason in failures.items() if call.startswith("metrics_")]
        if metric:
            found.append(f"metrics: {metric[0]}")
        elif self._metrics is not None and not self._metrics.discovered:
            found.append("request metrics: the metrics store has none of the known kinds")
        found += [
            f"{kind}: {why}" for kind, why in self._failed_kinds.items() if kind not in _OPTIONAL
        ]
        logs = [reason for call, reason in failures.items() if call.startswith("pod_logs")]
        if logs:
            found.append(f"logs of {len(logs)} containers: {logs[0]}")
        if self._logs and self._logs.unread:
            found.append(unread_line(self._logs.unread))
        if self._objects and self._objects.unread:
            found.append(f"not listed, to bound the calls: {', '.join(self._objects.unread)}")
        return tuple(found)

    def looked_at(self) -> tuple[str, ...]:
        """Return what was read, one line per kind or source."""
        objects = self._objects.objects if self._objects else {}
        found = [f"{len(items)} {kind}" for kind, items in objects.items() if items]
        if self._logs and self._logs.logs:
            found.append(f"logs of {len(self._logs.logs)} containers")
        if self._metrics and self._metrics.discovered:
            found.append(f"request metrics {', '.join(self._metrics.discovered)}")
        return tuple(sorted(found))


def blind(scope: Scope, why: str) -> Finding:
    """Return the finding that something cannot be seen."""
    place = ObjectRef("Namespace", "", ",".join(scope.namespaces))
    return Finding("cluster.unreadable", place, Severity.CRITICAL, why, ())


def _unique(items: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple({item.id: item for item in items}.values())
