"""From a ranking to a diagnosis: the verdict, the causes in words, the repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from copilot.evidence.analyzers.targets import backing, target
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue
from copilot.evidence.explain import next_observation, root_cause, summarize
from copilot.evidence.knowledge import Remembered, codes_of, remember
from copilot.evidence.kube import dig, is_true
from copilot.evidence.mitigations import at_once, order, propose, together
from copilot.evidence.ranking import Candidate, Ranking, rank, sureness
from copilot.model.action import Mitigation
from copilot.model.diagnosis import Diagnosis, RootCause, Usage, Verdict
from copilot.model.evidence import Evidence
from copilot.model.scope import ObjectRef
from retrieval.values import KnowledgeSource

_SYMPTOM = 0.45
_SURE = 0.35
_CAUSES = 5
_TOGETHER = 12
_CERTAIN = 0.75
_HOPS = 3
_REFUSALS = frozenset({"refused", "unavailable", "dns"})


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one examination. `candidates` are all causes worth showing, best first."""

    case: Case
    clues: tuple[Clue, ...]
    ranking: Ranking
    verdict: Verdict
    candidates: tuple[RootCause, ...]
    mitigations: tuple[Mitigation, ...]
    next_observation: str

    def cited(self) -> frozenset[str]:
        """Return the ids of all evidence that findings, causes and repairs rest on."""
        ids = {i for clue in self.clues for i in clue.finding.evidence}
        for cause in self.candidates:
            ids.update(cause.evidence, *(step.evidence for step in cause.chain))
        for mitigation in self.mitigations:
            ids.update(mitigation.evidence)
        return frozenset(ids)

    async def remember(self, source: KnowledgeSource | None, question: str) -> Remembered:
        """Search the knowledge for what was found; nothing is asked about a healthy system."""
        if source is None or self.verdict is Verdict.HEALTHY:
            return Remembered()
        codes = codes_of(self.ranking.causes)
        return await remember(
            source,
            question,
            self.candidates,
            codes,
            now=self.case.now,
            distances=self._distances(),
        )

    def _nodes(self, ref: ObjectRef) -> list[ObjectRef]:
        return [ref, *self.case.services_for(ref)]

    def _distances(self) -> dict[str, int]:
        """Return how many calls away from the first causes each workload and service is, by name."""
        topology = self.case.topology
        found: dict[str, int] = {}
        edge = [node for cause in self.candidates[:2] for node in self._nodes(cause.object)]
        for distance in range(1, _HOPS + 1):
            edge = [n for e in edge for n in (*topology.callers(e), *topology.callees(e))]
            edge = [n for n in dict.fromkeys(edge) if n.name not in found]
            found.update((node.name, distance) for node in edge)
        return found

    def plain(self) -> Diagnosis:
        """Return the answer without what was asked of other sources."""
        return self.diagnosis(
            evidence=self.case.ledger.all(),
            remembered=Remembered(),
            missing=(),
            looked_at=(),
            seconds=0.0,
            calls=0,
        )

    def diagnosis(
        self,
        *,
        evidence: tuple[Evidence, ...],
        remembered: Remembered,
        missing: tuple[str, ...],
        looked_at: tuple[str, ...],
        seconds: float,
        calls: int,
    ) -> Diagnosis:
        """Return the public answer."""
        scope = self.case.snapshot.scope
        where = ", ".join(scope.namespaces) or f"cluster {scope.cluster}"
        if scope.services:
            where = f"{', '.join(scope.services)} ({where})"
        failure = (remembered.failure,) if remembered.failure else ()
        return Diagnosis(
            verdict=self.verdict,
            summary=summarize(self.verdict, self.ranking, self.candidates, where),
            scope=scope,
            root_causes=self.candidates,
            findings=tuple(c.finding for c in sorted(self.clues, key=lambda c: -c.weight)),
            evidence=evidence,
            mitigations=self.mitigations,
            similar_incidents=remembered.incidents,
            runbooks=remembered.runbooks,
            looked_at=looked_at,
            missing_sources=(*missing, *self.case.failures, *failure),
            next_observation=self.next_observation,
            usage=Usage(seconds=seconds, tool_calls=calls),
        )


def draw_up(case: Case, clues: Sequence[Clue], prefer: Sequence[ObjectRef]) -> Report:
    """Rank the causes and judge: incident, healthy, or inconclusive."""
    ranking = rank(case, clues, prefer)
    verdict = _verdict(case, ranking)
    shown: list[Candidate] = []
    if verdict is not Verdict.HEALTHY:
        shown = [
            *ranking.causes,
            *(c for c in ranking.others if c.cause != "unknown" or not ranking.causes),
        ]
    causes = tuple(
        root_cause(case, c, ranking.symptoms, first=not n, winner=_winner(ranking, c))
        for n, c in enumerate(shown[:_CAUSES])
    )
    repairs = _repairs(case, ranking, shown)
    unclear = verdict is Verdict.INCONCLUSIVE
    return Report(
        case=case,
        clues=tuple(clues),
        ranking=ranking,
        verdict=verdict,
        candidates=causes,
        mitigations=tuple(repairs.values()),
        next_observation=next_observation(ranking) if unclear else "",
    )


def _winner(ranking: Ranking, candidate: Candidate) -> Candidate | None:
    """Return the accepted cause that explains what this one could explain in its place."""
    if candidate in ranking.causes:
        return None
    return next((c for c in ranking.causes if not c.well.isdisjoint(candidate.well)), None)


def _repairs(case: Case, ranking: Ranking, shown: Sequence[Candidate]) -> dict[str, Mitigation]:
    """Return the repairs by id: of one cause at several places that of all, then each cause's own."""
    first = shown[0].cause if shown else ""
    same = [c for c in ranking.causes if c.cause == first][:_TOGETHER]
    found: dict[str, Mitigation] = {}
    if len(same) > 1:
        for mitigation in together([order(propose(case, c))[0] for c in same]):
            found[mitigation.id] = mitigation
    apart = [c for c in ranking.causes if _surely(c)][:3]
    if len({c.cause for c in apart}) > 1:
        for mitigation in at_once([order(propose(case, c))[0] for c in apart]):
            found.setdefault(mitigation.id, mitigation)
    for candidate in shown[:3]:
        if candidate in ranking.causes or not ranking.causes:
            for mitigation in order(propose(case, candidate)):
                found.setdefault(mitigation.id, mitigation)
    return found


def _surely(candidate: Candidate) -> bool:
    """Whether a cause is sure enough, by itself and against its rivals, to be repaired unasked for."""
    return sureness(candidate) >= _CERTAIN


def _verdict(case: Case, ranking: Ranking) -> Verdict:
    sure = [c for c in ranking.causes if c.confidence >= _SURE]
    if sure:
        return Verdict.INCIDENT
    if ranking.strongest >= _SYMPTOM:
        return Verdict.INCONCLUSIVE
    unseen = [kind for kind in ("Pod",) if not case.snapshot.knows(kind)]
    empty = not case.snapshot.workloads
    blind = unseen or empty or case.failures or _out_of_service(case)
    return Verdict.INCONCLUSIVE if blind else Verdict.HEALTHY


def _out_of_service(case: Case) -> bool:
    """Whether a program is refused now by a workload that should have ready pods and has none."""
    for issue in case.issues:
        if issue.kind not in _REFUSALS or not issue.ongoing or issue.log.previous:
            continue
        for workload in backing(case, target(case, issue)):
            wanted = dig(case.snapshot.get(workload) or {}, "spec.replicas", 1)
            if wanted and not any(is_true(p, "Ready") for p in case.snapshot.pods(workload)):
                return case.snapshot.get(workload) is not None
    return False
