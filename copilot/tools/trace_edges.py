"""What traces say about who calls whom: calls, errors and times of each edge, and where time goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import quantiles

from connectors.api.values import Span, Trace

Edge = tuple[str, str]
USERS = "(users)"
_PEERS = ("peer.service", "db.system", "messaging.system", "server.address", "net.peer.name")
_DEEPEST = 40
_MESSAGES = (
    *("error.message", "exception.message", "otel.status_description", "http.status_code"),
    *("http.response.status_code", "rpc.grpc.status_code"),
)


@dataclass(slots=True)
class Calls:
    """The calls along one edge."""

    milliseconds: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def count(self) -> int:
        """How many calls were seen."""
        return len(self.milliseconds)

    @property
    def error_share(self) -> float:
        """The share of calls that failed, 0 to 1."""
        return self.errors / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """Return a quantile of the durations, in milliseconds; 0 without calls."""
        if self.count < 2:
            return self.milliseconds[0] if self.milliseconds else 0.0
        return quantiles(self.milliseconds, n=100, method="inclusive")[round(share * 100) - 1]


def edges(traces: Iterable[Trace]) -> dict[Edge, Calls]:
    """Return the calls between services; the first service of a trace is called by its users.

    A call is measured where it is served; one that nobody served, where it was made.
    """
    found: dict[Edge, Calls] = {}
    for trace in traces:
        spans = {span.id: span for span in trace.spans}
        served = {span.parent for span in trace.spans if _crosses(span, spans)}
        for span in trace.spans:
            edge = _edge(span, spans, served)
            if edge is not None:
                calls = found.setdefault(edge, Calls())
                calls.milliseconds.append(span.duration_ms)
                calls.errors += span.error
    return found


def _crosses(span: Span, spans: dict[str, Span]) -> bool:
    parent = spans.get(span.parent)
    return parent is not None and parent.service != span.service


def _edge(span: Span, spans: dict[str, Span], served: set[str]) -> Edge | None:
    parent = spans.get(span.parent)
    if parent is None:
        return (USERS, span.service)
    if parent.service != span.service:
        return (parent.service, span.service)
    if span.kind in ("client", "producer") and span.id not in served:
        peer = next((span.tags[key] for key in _PEERS if span.tags.get(key)), "")
        return (span.service, peer) if peer and peer != span.service else None
    return None


@dataclass(frozen=True, slots=True)
class Step:
    """One span on the critical path: how deep it lies, and how long it waited for nobody else."""

    depth: int
    span: Span
    own_ms: float


def critical_path(trace: Trace) -> list[Step]:
    """Return the spans that the whole request waited for, each with its own time."""
    children: dict[str, list[Span]] = {}
    for span in trace.spans:
        children.setdefault(span.parent, []).append(span)
    steps: list[Step] = []
    seen: set[str] = set()

    def follow(span: Span, depth: int, since: float, until: float) -> None:
        if span.id in seen or depth > _DEEPEST:
            return
        seen.add(span.id)
        place = len(steps)
        # Clocks differ: a child counts only as far as it lies inside of its parent.
        start, own = max(_ms(trace, span), since), 0.0
        cursor = min(_ms(trace, span) + span.duration_ms, until)
        waited: list[tuple[Span, float, float]] = []
        # Backwards in time: what ended last before the cursor is what was waited for.
        for child in sorted(children.get(span.id, []), key=lambda one: -one.end.timestamp()):
            begin = _ms(trace, child)
            end = min(begin + child.duration_ms, cursor)
            if begin >= cursor or end <= start:
                continue
            own += max(cursor - end, 0.0)
            cursor = max(begin, start)
            waited.append((child, cursor, end))
        own += max(cursor - start, 0.0)
        steps.insert(place, Step(depth, span, own))
        for child, begin, end in reversed(waited):
            follow(child, depth + 1, begin, end)

    follow(trace.root, 0, float("-inf"), float("inf"))
    return steps


def _ms(trace: Trace, span: Span) -> float:
    return (span.start - trace.root.start) / timedelta(milliseconds=1)


def telling(traces: Sequence[Trace]) -> Trace | None:
    """Return the trace to show: a failed one before a slow one, the slowest of them."""
    return max(traces, key=lambda one: (one.error, one.duration_ms), default=None)


def drawn(trace: Trace, most: int = 14) -> list[str]:
    """Draw the critical path of a trace, one line for each span."""
    steps = critical_path(trace)
    lines = []
    for step in steps[:most]:
        failed = " ERROR" if step.span.error else ""
        why = _message(step.span)
        lines.append(
            f"  {'  ' * step.depth}{step.span.service} {step.span.operation}"
            f" {step.span.duration_ms:.1f} ms (own {step.own_ms:.1f} ms){failed}{why}"
        )
    if len(steps) > most:
        lines.append(f"  … and {len(steps) - most} more spans")
    return lines


def _message(span: Span) -> str:
    if not span.error:
        return ""
    text = next((str(span.tags[key]) for key in _MESSAGES if span.tags.get(key)), "")
    return f": {' '.join(text.split())[:160]}" if text else ""
