"""Spans: made along a request, sent in batches to the app's collector in OTLP's JSON form."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from eval.environments.kube.program.wire import Closed, Message, exchange

PATH = "/v1/traces"
_BATCH_SECONDS = 2.0
_LIMIT = 2000


@dataclass(slots=True)
class Trace:
    """One span under way. `sampled` ones are kept."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    sampled: bool
    start: int = field(default_factory=time.time_ns)

    @property
    def header(self) -> str:
        """W3C's traceparent."""
        return f"00-{self.trace}-{self.id}-{int(self.sampled):02x}"


class Tracer:
    """Makes spans and sends what is sampled. Without a collector nothing is kept."""

    def __init__(
        self, service: str, process: dict[str, str], collector: tuple[str, int] | None, sampling: float
    ) -> None:  # fmt: skip
        self._service = service
        self._process = process
        self._collector = collector
        self._sampling = sampling if collector else 0.0
        self._ended: list[dict[str, Any]] = []

    def begin(self, name: str, kind: str, header: str = "") -> Trace:
        """A span of an incoming request, or the root of a new trace."""
        parts = header.split("-")
        if len(parts) == 4:
            return Trace(parts[1], _digits(16), parts[2], name, kind, parts[3] == "01")
        return Trace(_digits(32), _digits(16), "", name, kind, random.random() < self._sampling)

    def child(self, of: Trace, name: str, kind: str) -> Trace:
        """A span inside another."""
        return Trace(of.trace, _digits(16), of.id, name, kind, of.sampled)

    def end(self, span: Trace, *, peer: str = "", error: str = "") -> None:
        """End a span now."""
        if not span.sampled or self._collector is None or len(self._ended) >= _LIMIT:
            return
        tags = {"peer.service": peer} if peer else {}
        body: dict[str, Any] = {
            "traceId": span.trace,
            "spanId": span.id,
            "parentSpanId": span.parent,
            "name": span.name,
            "kind": 3 if span.kind == "client" else 2,
            "startTimeUnixNano": str(span.start),
            "endTimeUnixNano": str(time.time_ns()),
            "attributes": _attributes(tags),
        }
        if error:
            body["status"] = {"code": 2, "message": error}
        self._ended.append(body)

    async def send(self) -> None:
        """Send batches, for ever; what the collector does not take is lost, as in a real exporter."""
        while True:
            await asyncio.sleep(_BATCH_SECONDS)
            if not self._ended or self._collector is None:
                continue
            try:
                async with asyncio.timeout(3):
                    await self._post(self.batch())
            except (OSError, ValueError, TimeoutError, Closed):
                continue

    def batch(self) -> bytes:
        """Take the ended spans, as OTLP's JSON."""
        spans, self._ended = self._ended, []
        resource = {"attributes": _attributes({"service.name": self._service, **self._process})}
        document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
        return json.dumps(document).encode()

    async def _post(self, body: bytes) -> None:
        assert self._collector is not None
        reader, writer = await asyncio.open_connection(*self._collector)
        message = Message(
            "POST",
            PATH,
            headers={"content-type": "application/json", "connection": "close"},
            body=body,
        )
        try:
            await exchange(reader, writer, message)
        finally:
            writer.close()


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _digits(number: int) -> str:
    return f"{random.getrandbits(number * 4):0{number}x}"
