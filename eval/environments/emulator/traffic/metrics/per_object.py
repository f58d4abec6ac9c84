"""Metrics that follow from one object each, worked out again only when the object has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.metrics.scrape import Page, Rows, Writer

_Write = Callable[[Writer, Json], None]
_STABLE = 4
"""After so many scrapes without a change all objects of a kind are written together, which costs nothing."""


@dataclass(slots=True)
class _Present:
    """The objects of one kind at the last scrape: the rows of each, and of all where nothing changes."""

    items: Sequence[Json] | None = None
    known: Mapping[str, tuple[str, Rows]] = field(default_factory=dict)
    unchanged: int = 0
    together: Rows | None = None


class PerObject:
    """An exporter that writes, for every object of some kinds, what its kind's function says."""

    def __init__(self, cluster: ClusterState, kinds: Mapping[str, _Write]) -> None:
        self._cluster = cluster
        self._kinds = kinds
        self._present = {kind: _Present() for kind in kinds}

    def export(self, page: Page, now: datetime) -> None:
        """Write all samples."""
        for kind, write in self._kinds.items():
            items, present = self._cluster.objects(kind), self._present[kind]
            if items is not present.items:
                known = _up_to_date(present.known, items, write)
                present = self._present[kind] = _Present(items, known)
            present.unchanged += 1
            if present.unchanged > _STABLE and present.together is None:
                present.together = Rows.of(_rows(present.known))
            parts = [present.together] if present.together else _rows(present.known)
            for rows in parts:
                page.set_all(rows, rows.listed, rows.values)


def _rows(known: Mapping[str, tuple[str, Rows]]) -> list[Rows]:
    return [rows for _, rows in known.values()]


def _up_to_date(
    known: Mapping[str, tuple[str, Rows]], items: Sequence[Json], write: _Write
) -> dict[str, tuple[str, Rows]]:
    """The rows of every object by uid, with the version of the object that they were written for."""
    found: dict[str, tuple[str, Rows]] = {}
    for item in items:
        meta = item["metadata"]
        key = str(meta.get("uid") or f"{meta.get('namespace')}/{meta['name']}")
        version = str(meta.get("resourceVersion", ""))
        before = known.get(key)
        if before is None or not version or before[0] != version:
            rows = Rows()
            write(rows, item)
            before = version, rows
        found[key] = before
    return found
