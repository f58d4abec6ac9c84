"""Evidence: what was really seen, immutable and addressed by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from copilot.model.scope import ObjectRef


class Source(StrEnum):
    """Where a piece of evidence comes from."""

    KUBERNETES = "kubernetes"
    EVENTS = "events"
    LOGS = "logs"
    METRICS = "metrics"
    TRACES = "traces"
    ALERTS = "alerts"
    CHANGES = "changes"
    KNOWLEDGE = "knowledge"
    SHELL = "shell"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One answer of one source to one exact query.

    `query` can be repeated by a person (a kubectl command, a PromQL expression, a search text).
    `excerpt` is a verbatim part of `text`, short enough to quote; `text` is the full, redacted
    output. `start` and `end` bound the period that the query covered.
    """

    id: str
    source: Source
    query: str
    start: datetime
    end: datetime
    excerpt: str
    text: str
    objects: tuple[ObjectRef, ...] = ()
    caveats: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        source: Source,
        query: str,
        text: str,
        *,
        start: datetime,
        end: datetime,
        excerpt: str = "",
        objects: tuple[ObjectRef, ...] = (),
        caveats: tuple[str, ...] = (),
    ) -> Evidence:
        """Make evidence whose id is derived from source, query and text.

        Without an `excerpt` the first 400 characters of `text` are quoted.
        """
        digest = hashlib.sha256("\x00".join((source, query, text)).encode()).hexdigest()
        return cls(
            id=f"ev-{digest[:10]}",
            source=source,
            query=query,
            start=start,
            end=end,
            excerpt=excerpt or text[:400],
            text=text,
            objects=objects,
            caveats=caveats,
        )
