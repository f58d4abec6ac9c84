"""Metrics that follow from one object each, worked out again only when the object has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from connectors.api.values import Json
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.metrics.scrape import Page, Rows, Writer


class PerObject:
    """An exporter that writes, for every object of some kinds, what its kind's function says."""

    def __init__(
        self, cluster: ClusterState, kinds: Mapping[str, Callable[[Writer, Json], None]]
    ) -> None:
        self._cluster = cluster
        self._kinds = kinds
        self._known: dict[tuple[str, str], tuple[str, int, Rows]] = {}
        self._serial = 0

    def export(self, page: Page, now: datetime) -> None:
        """Write all samples."""
        seen: dict[tuple[str, str], tuple[str, int, Rows]] = {}
        for kind, write in self._kinds.items():
            for item in self._cluster.objects(kind):
                meta = item["metadata"]
                key = kind, str(meta.get("uid") or f"{meta.get('namespace')}/{meta['name']}")
                version = str(meta.get("resourceVersion", ""))
                found = self._known.get(key)
                if found is None or not version or found[0] != version:
                    rows = Rows()
                    write(rows, item)
                    self._serial += 1
                    found = version, self._serial, rows
                seen[key] = found
                _, serial, rows = found
                block = (id(self), key, serial)
                page.set_all(block, partial(list, rows.described), rows.values)
        self._known = seen
