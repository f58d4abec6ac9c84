from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.errors import ConnectorError, SourceMissing, SourceUnreachable
from connectors.api.values import Check, Dependency, Series, Span, Trace
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.tools.trace_edges import USERS, critical_path, edges
from tests.copilot.tools.worlds import NOW, Cluster, Metrics, app, told, toolbox


def span(id: str, parent: str, service: str, at: float, took: float, **more: Any) -> Span:
    start = NOW - timedelta(minutes=5) + timedelta(milliseconds=at)
    return Span(id, parent, service, f"{service}/op", start, took, **more)


def trace(id: str, *, slow: float = 10.0, error: bool = False, minutes: float = 0.0) -> Trace:
    spans = (
        span("a", "", "front", 0, 30 + slow),
        span("b", "a", "front", 2, 10 + slow, kind="client"),
        span("c", "b", "cart", 3, 5 + slow, error=error, tags={"error.message": "no stock"}),
        span("d", "c", "cart", 4, 2, kind="client", tags={"db.system": "redis"}),
        span("e", "a", "mail", 15 + slow, 8),
    )
    shift = timedelta(minutes=minutes)
    moved = [
        Span(
            s.id,
            s.parent,
            s.service,
            s.operation,
            s.start - shift,
            s.duration_ms,
            s.error,
            s.kind,
            s.tags,
        )
        for s in spans
    ]
    return Trace(id, tuple(moved))


@dataclass
class Traces:
    kept: list[Trace]
    broken: ConnectorError | None = None
    calls: list[str] = field(default_factory=list)
    name: str = "jaeger"

    async def services(self) -> list[str]:
        self._try()
        return sorted({span.service for trace in self.kept for span in trace.spans})

    async def operations(self, service: str) -> list[str]:
        return []

    async def traces(
        self,
        service: str,
        start: datetime,
        end: datetime,
        *,
        operation: str = "",
        errors_only: bool = False,
        min_duration_ms: float = 0.0,
        limit: int = 20,
    ) -> list[Trace]:
        self._try()
        self.calls.append(service)
        return [
            one
            for one in self.kept
            if start <= one.root.start < end
            and any(span.service == service for span in one.spans)
            and (one.error or not errors_only)
        ][:limit]

    async def trace(self, id: str) -> Trace:
        self._try()
        for one in self.kept:
            if one.id == id:
                return one
        raise SourceMissing("not kept")

    async def dependencies(self, start: datetime, end: datetime) -> list[Dependency]:
        return []

    async def check(self) -> Sequence[Check]:
        return []

    async def close(self) -> None:
        pass

    def _try(self) -> None:
        if self.broken is not None:
            raise self.broken


STORE = [
    *(trace(f"old{number}", minutes=20) for number in range(20)),
    *(trace(f"new{number}", slow=200.0, error=number < 5) for number in range(10)),
]


def box(store: Traces, **sources: Any) -> Any:
    return toolbox(Cluster(app("cart")), traces=store, **sources)


async def test_edges_are_compared_with_the_baseline() -> None:
    text = await told(box(Traces(STORE)), "get_traces")
    lines = text.splitlines()
    assert lines[0].startswith("10 traces sampled")
    assert "(5 with errors), 20 in the baseline" in lines[0]
    row = next(line for line in lines if line.startswith("front → cart"))
    assert row == "front → cart: 10, errors 0% → 50% !, p50 15 → 205 !, p95 15 → 205 !"
    assert "users → front: 10" in text
    assert "cart → redis: 10" in text
    # The changed edges come before the unchanged.
    assert text.index("front → cart") < text.index("cart → redis")
    assert "Critical path of a failed request, trace new" in text
    assert "cart cart/op 205.0 ms (own 203.0 ms) ERROR: no stock" in text
    assert "Others: new" in text


async def test_one_service_and_one_trace() -> None:
    store = Traces(STORE)
    text = await told(box(store), "get_traces", service="mail")
    assert "front → mail" in text
    assert "cart → redis" not in text
    assert set(store.calls) == {"mail"}
    text = await told(box(store), "get_traces", trace="new7")
    assert text.startswith("trace new7: 5 spans of 3 services")
    with pytest.raises(CorrectYourCall, match='no trace "zzz"'):
        await told(box(store), "get_traces", trace="zzz")


async def test_what_is_missing_is_told() -> None:
    with pytest.raises(CorrectYourCall, match=r"These do: cart, front, mail\. Did you mean: cart"):
        await told(box(Traces(STORE)), "get_traces", service="carts")
    text = await told(box(Traces(STORE[:20])), "get_traces")
    assert text.startswith("No trace of cart, front, mail from 02:45:00 to 03:00:00; 20 in the")
    with pytest.raises(NotAvailable, match="knows no service"):
        await told(box(Traces([])), "get_traces")


def one(client: str, server: str, value: float) -> Series:
    return Series({"client": client, "server": server}, ((0.0, value),))


async def test_the_service_graph_stands_in_for_a_store_that_is_down() -> None:
    metrics = Metrics(
        {
            "count(traces_service_graph": [Series({}, ((0.0, 4.0),))],
            "failed_total": [one("front", "cart", 5.0)],
            "histogram_quantile(0.5,": [one("front", "cart", 0.02)],
            "histogram_quantile(0.95,": [one("front", "cart", 0.3)],
            "request_total": [one("front", "cart", 50.0), one("front", "mail", 9.0)],
        }
    )
    store = Traces(STORE, broken=SourceUnreachable("jaeger: refused"))
    text = await told(box(store, metrics=metrics), "get_traces")
    assert "front → cart: 50, errors 10%, p50 20, p95 300" in text
    assert "caveat: the trace store did not answer: jaeger: refused" in text
    with pytest.raises(NotAvailable, match="jaeger: refused"):
        await told(box(store), "get_traces")
    with pytest.raises(NotAvailable, match=r"No trace store is configured.*get_metrics"):
        await told(toolbox(Cluster(), metrics=Metrics()), "get_traces")


async def test_traces_of_other_namespaces_are_left_out() -> None:
    spans = tuple(
        Span(
            "a",
            "",
            "other",
            "op",
            NOW - timedelta(minutes=1),
            1.0,
            process={"k8s.namespace.name": "x"},
        )
        for _ in range(1)
    )
    text = await told(box(Traces([Trace("t", spans)])), "get_traces")
    assert text.startswith("No trace of other")


@st.composite
def trees(draw: st.DrawFn) -> Trace:
    count = draw(st.integers(1, 12))
    spans = []
    for number in range(count):
        parent = str(draw(st.integers(0, number - 1))) if number else ""
        spans.append(
            span(
                str(number),
                parent,
                draw(st.sampled_from("abc")),
                draw(st.floats(0, 50)),
                draw(st.floats(0, 100)),
            )
        )
    return Trace("t", tuple(spans))


@given(trees())
def test_the_critical_path_accounts_for_the_time_of_the_root(drawn: Trace) -> None:
    steps = critical_path(drawn)
    assert steps[0].span == drawn.root
    assert len({step.span.id for step in steps}) == len(steps)
    assert all(step.own_ms >= 0 for step in steps)
    total = sum(step.own_ms for step in steps)
    assert total <= drawn.root.duration_ms + 0.01 * len(steps)
    counted = edges([drawn])
    assert sum(calls.count for calls in counted.values()) <= len(drawn.spans)
    assert counted[USERS, drawn.root.service].count >= 1
