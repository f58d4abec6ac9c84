"""A cluster as it was: a ClusterReader over a recorded snapshot, and a metrics store likewise."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.api.errors import SourceForbidden, SourceMissing, SourceRejected, SourceUnreachable
from connectors.api.values import Check, Json, Series
from copilot.evidence.engine import EvidenceEngine
from copilot.evidence.kube import parse_time
from copilot.model.diagnosis import Diagnosis
from copilot.model.events import DiagnosisReady, Event
from copilot.model.scope import Scope, Window
from copilot.tools.sources import Sources

FIXTURES = Path(__file__).parent / "fixtures"
CLUSTER_WIDE = {"Node", "PersistentVolume", "StorageClass", "Namespace"}


class FixedClock:
    """A clock that stands still at the time of the recording."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class RecordedCluster:
    """Answers lists and logs from `objects` (by kind) and `logs` (by ns/pod/container/run)."""

    name = "recorded"

    def __init__(self, objects: dict[str, list[Json]], logs: dict[str, str] | None = None) -> None:
        self.objects = objects
        self.texts = logs or {}
        self.forbidden: set[str] = set()
        self.down = False

    async def check(self) -> Sequence[Check]:
        return []

    async def close(self) -> None:
        return None

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        if self.down:
            raise SourceUnreachable("no answer from the API server")
        if kind in self.forbidden:
            raise SourceForbidden(f"may not list {kind}")
        if kind not in self.objects:
            raise SourceMissing(f"the server does not serve {kind}")
        return [
            copy.deepcopy(o)
            for o in self.objects[kind]
            if namespace is None or kind in CLUSTER_WIDE or o["metadata"]["namespace"] == namespace
        ]

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        for item in await self.list(kind, namespace or None):
            if item["metadata"]["name"] == name:
                return item
        raise SourceMissing(f"{kind} {name} does not exist")

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        tail: int = 2000,
        since: datetime | None = None,
        previous: bool = False,
    ) -> str:
        key = f"{namespace}/{pod}/{container}/{'previous' if previous else 'current'}"
        if key not in self.texts:
            raise SourceRejected(f"no log of {key}")
        return self.texts[key]

    async def can(self, verb: str, kind: str, namespace: str) -> bool:
        return kind not in self.forbidden


class Recording:
    """One recorded moment of a namespace."""

    def __init__(self, name: str) -> None:
        data: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
        now = parse_time(data["now"])
        assert now is not None
        self.now = now
        self.namespace: str = data["namespace"]
        self.cluster = RecordedCluster(data["objects"], data["logs"])

    def without_history(self) -> Recording:
        """Forget what not every cluster tells: field managers, applied manifests, old revisions."""
        for items in self.cluster.objects.values():
            for item in items:
                item["metadata"].pop("managedFields", None)
                notes = item["metadata"].get("annotations") or {}
                notes.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        return self

    def scope(self, minutes: float = 15) -> Scope:
        return Scope("lab", (self.namespace,), Window.last(self.now, minutes))


class RecordedMetrics:
    """Answers range queries by the first known text that the expression contains."""

    name = "recorded metrics"

    def __init__(self, present: Sequence[str], series: dict[str, list[Series]]) -> None:
        self.present = present
        self.series = series
        self.queries: list[str] = []

    async def check(self) -> Sequence[Check]:
        return []

    async def close(self) -> None:
        return None

    async def query(self, expression: str, at: datetime) -> list[Series]:
        self.queries.append(expression)
        return [Series({"__name__": n}, ((at.timestamp(), 1.0),)) for n in self.present]

    async def query_range(
        self, expression: str, start: datetime, end: datetime, step: float
    ) -> list[Series]:
        self.queries.append(expression)
        for text, series in self.series.items():
            if text in expression:
                return series
        return []


async def events_of(sources: Sources, scope: Scope, question: str = "") -> list[Event]:
    """Run one investigation to its end."""
    return [event async for event in EvidenceEngine(sources).investigate(question, scope)]


async def diagnose(sources: Sources, scope: Scope, question: str = "") -> Diagnosis:
    """Run one investigation and return its diagnosis."""
    last = (await events_of(sources, scope, question))[-1]
    assert isinstance(last, DiagnosisReady), last
    return last.diagnosis


async def diagnose_recording(name: str, *, history: bool = True) -> Diagnosis:
    """Diagnose a recorded moment."""
    recording = Recording(name)
    if not history:
        recording.without_history()
    sources = Sources(FixedClock(recording.now), recording.cluster)
    return await diagnose(sources, recording.scope())
