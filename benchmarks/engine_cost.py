"""What a whole investigation costs with the number of services: `python -m benchmarks.engine_cost [N…]`.

The cluster and the metrics store answer out of memory with the bytes that an API server would send, so that reading
and decoding count and the network does not. Calls are those to the API server and to the metrics store.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.engine_scale import NOW, SIZES, world
from connectors.api.errors import SourceMissing
from connectors.api.values import Check, Json, Series
from copilot.evidence.engine import EvidenceEngine
from copilot.evidence.snapshot import Snapshot
from copilot.model.diagnosis import Diagnosis
from copilot.model.events import DiagnosisReady
from copilot.model.scope import Scope, Window
from copilot.tools.sources import Sources

_COUNTER = "traces_span_metrics_calls_total"
_POINTS, _STEP = 120, 30


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one investigation."""

    services: int
    calls: int
    seconds: float
    found: str


class Stored:
    """A cluster (`ClusterReader`) that answers out of memory."""

    name = "stored"

    def __init__(self, snapshot: Snapshot) -> None:
        self._bytes = {k: json.dumps({"items": snapshot.of(k)}) for k in snapshot.kinds}
        self._logs = {log.pod: "\n".join(line.raw for line in log.lines) for log in snapshot.logs}

    async def check(self) -> Sequence[Check]:
        """Nothing to check."""
        return []

    async def close(self) -> None:
        """Nothing to close."""

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """Decode the stored answer."""
        found: list[Json] = json.loads(self._bytes.get(kind, '{"items": []}'))["items"]
        return found

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        """Never asked by an investigation."""
        raise SourceMissing(f"{kind} {name}")

    async def logs(self, namespace: str, pod: str, container: str = "", **_: Any) -> str:
        """A log, empty for most."""
        return self._logs.get(pod, "")

    async def can(self, verb: str, kind: str, namespace: str) -> bool:
        """Yes."""
        return True


class Measured:
    """A metrics store (`MetricsSource`) with a series a direction of each call."""

    name = "measured"

    def __init__(self, snapshot: Snapshot) -> None:
        self._flows = snapshot.telemetry.flows

    async def check(self) -> Sequence[Check]:
        """Nothing to check."""
        return []

    async def close(self) -> None:
        """Nothing to close."""

    async def query(self, expression: str, at: datetime) -> list[Series]:
        """The one counter that there is."""
        return [Series({"__name__": _COUNTER}, ((at.timestamp(), 1.0),))]

    async def query_range(
        self, expression: str, start: datetime, end: datetime, step: float
    ) -> list[Series]:
        """Rates before and since the onset; nothing of containers."""
        if _COUNTER not in expression:
            return []
        found = []
        for flow in self._flows:
            who = {"service_name": flow.service, "span_kind": "SPAN_KIND_SERVER"}
            if flow.caller:
                who = {"service_name": flow.caller, "peer_service": flow.service, "span_kind": "SPAN_KIND_CLIENT"}  # fmt: skip
            onset = flow.errors.onset.timestamp() if flow.errors.onset else float("inf")
            times = [(NOW - timedelta(seconds=_STEP * n)).timestamp() for n in range(_POINTS)][::-1]
            for status, share in (("OK", 1 - flow.errors.now), ("ERROR", flow.errors.now)):
                if share:
                    labels = {**who, "status_code": f"STATUS_CODE_{status}"}
                    points = tuple(
                        (t, flow.rate.now * (share if t >= onset else float(status == "OK")))
                        for t in times
                    )
                    found.append(Series(labels, points))
        return found


class _Still:
    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        return None


async def investigate(services: int) -> Cost:
    """Investigate a system of so many services with one fault."""
    snapshot = world(services)
    sources = Sources(_Still(), Stored(snapshot), Measured(snapshot))
    engine, found = EvidenceEngine(sources), None
    began = time.process_time()
    async for event in engine.investigate("", Scope("cost", ("big",), Window.last(NOW))):
        if isinstance(event, DiagnosisReady):
            found = event.diagnosis
    seconds = time.process_time() - began
    assert isinstance(found, Diagnosis)
    first = found.root_causes[0] if found.root_causes else None
    said = f"{first.object} {first.cause}" if first else found.verdict.value
    return Cost(services, found.usage.tool_calls, seconds, said)


def main() -> None:
    """Print one line a size."""
    for size in [int(text) for text in sys.argv[1:]] or SIZES:
        cost = asyncio.run(investigate(size))
        print(f"{size:5} services: {cost.calls:4} calls, {cost.seconds:6.2f} s, {cost.found}")


if __name__ == "__main__":
    main()
