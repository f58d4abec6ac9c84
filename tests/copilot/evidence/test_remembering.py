"""What search is told about today: the time, and how far each service is from what is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from copilot.evidence.engine import EvidenceEngine
from copilot.model.events import DiagnosisReady
from copilot.tools.sources import Sources
from retrieval.incidents import Circumstances
from retrieval.values import DocumentKind, Hit
from tests.copilot.evidence.recorded import FixedClock, Recording


class Library:
    def __init__(self) -> None:
        self.told: list[tuple[DocumentKind | None, Circumstances | None]] = []

    async def search(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        today: Circumstances | None = None,
    ) -> list[Hit]:
        self.told.append((kind, today))
        return []


async def test_incidents_are_searched_with_time_and_distances(tmp_path: Path) -> None:
    recording, library = Recording("secret"), Library()
    sources = Sources(FixedClock(recording.now), recording.cluster)
    engine = EvidenceEngine(replace(sources, knowledge=library))
    events = [event async for event in engine.investigate("", recording.scope())]
    assert isinstance(events[-1], DiagnosisReady)
    cause = events[-1].diagnosis.root_causes[0].object
    today = dict(library.told)[DocumentKind.INCIDENT]
    assert today is not None
    assert today.now == recording.now
    assert today.distances[cause.name] == 0
    assert dict(library.told)[DocumentKind.RUNBOOK] is None
    far = {name: steps for name, steps in today.distances.items() if steps}
    assert far and set(far.values()) <= {1, 2, 3}
