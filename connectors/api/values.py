"""Values that connectors return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Json = dict[str, Any]
"""A Kubernetes object, as the API server sends it."""


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: labels (with `__name__` where there is one) and (Unix seconds, value) points."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One row of `doctor`: what was tried, whether it worked, and how to repair it."""

    name: str
    ok: bool
    detail: str
    repair: str = ""


@dataclass(frozen=True, slots=True)
class LogSelector:
    """Whose log lines: every field that is set must fit; `pods` are exact names, any of them.

    `service` is the app's label ("app", "app.kubernetes.io/name"), however the store calls it.
    """

    namespace: str = ""
    pods: tuple[str, ...] = ()
    service: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `labels` hold namespace, pod, container, service and node where the store has them."""

    time: datetime
    text: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in the order of time. `truncated`: there were more, and these are the newest.

    `caveat` says what is missing for another reason, such as shards that failed.
    """

    lines: tuple[LogLine, ...]
    truncated: bool = False
    caveat: str = ""


@dataclass(frozen=True, slots=True)
class LogVolume:
    """How many lines one container of one pod wrote; labels as in `LogLine`."""

    labels: Mapping[str, str]
    lines: int


@dataclass(frozen=True, slots=True)
class Span:
    """One span. `parent` "" for a root; `kind` is "server", "client", "producer", … or ""."""

    id: str
    parent: str
    service: str
    operation: str
    start: datetime
    duration_ms: float
    error: bool = False
    kind: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    process: Mapping[str, str] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        """When it ended."""
        return self.start + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one request that were kept, in the order of their start; at least one."""

    id: str
    spans: tuple[Span, ...]

    @property
    def root(self) -> Span:
        """The first span without a known parent."""
        known = {span.id for span in self.spans}
        return next((span for span in self.spans if span.parent not in known), self.spans[0])

    @property
    def duration_ms(self) -> float:
        """From the first start to the last end."""
        first = min(span.start for span in self.spans)
        return (max(span.end for span in self.spans) - first) / timedelta(milliseconds=1)

    @property
    def error(self) -> bool:
        """Whether any span failed."""
        return any(span.error for span in self.spans)


@dataclass(frozen=True, slots=True)
class Dependency:
    """Calls from one service to another. `sampled`: counted in some traces, not in all."""

    caller: str
    callee: str
    calls: int
    sampled: bool = False


AlertState = Literal["firing", "pending", "suppressed", "acknowledged", "resolved"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `since` is when it began; `url` leads people to it; `fingerprint` stays the same."""

    name: str
    state: AlertState
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: datetime
    fingerprint: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change that a delivery system made: a release, a sync, a deployment.

    `time` is when it was done. `object` names what changed, as "Deployment checkout" or
    "release shop/checkout"; `namespace` "" where the system does not know of namespaces. `names` are the
    services and workloads that it may have changed, "" or none where nobody knows.
    """

    time: datetime
    namespace: str
    object: str
    text: str
    names: tuple[str, ...] = ()
    author: str = ""
    url: str = ""


DocumentKind = Literal["runbook", "incident"]


@dataclass(frozen=True, slots=True)
class RemoteDocument:
    """One document of a document source.

    `path` is relative, without "..", unique in its source, and ends in what the content is: ".md", ".html", ".txt",
    ".rst", ".json", ".jsonl" or ".csv". `metadata` (title, date, cause, …) counts for Markdown only.
    """

    path: str
    content: str
    kind: DocumentKind = "runbook"
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Documents:
    """What a document source gave: the documents, and (path, reason) of those that cannot be read."""

    documents: tuple[RemoteDocument, ...]
    skipped: tuple[tuple[str, str], ...] = ()
