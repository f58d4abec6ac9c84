"""Scraping: every 15 seconds all exporters are read, and what is gone is marked stale."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from eval.environments.emulator.traffic.metrics.metadata import METADATA

INTERVAL_SECONDS = 15

Labels = Mapping[str, str]
Values = Sequence[float] | NDArray[np.float64]


class SeriesSink(Protocol):
    """One series to append to."""

    def append(self, t: float, value: float) -> None:
        """Add a sample at Unix time `t`."""
        ...


Handle = TypeVar("Handle", bound=SeriesSink)


class SampleSink(Protocol[Handle]):
    """The store of samples."""

    def series(self, name: str, labels: Mapping[str, str]) -> Handle:
        """Return the series with these labels, made if new."""
        ...

    def mark_stale(self, name: str, labels: Mapping[str, str], t: float) -> None:
        """End a series."""
        ...

    def append_all(self, series: Sequence[Handle], t: float, values: Values) -> None:
        """Add a sample at Unix time `t` to each of the series."""
        ...

    def describe(self, name: str, type: str, help: str = "", unit: str = "") -> None:
        """Set the metadata of a metric."""
        ...


class Writer(Protocol):
    """Takes samples one by one."""

    def set(self, name: str, key: Hashable, labels: Callable[[], Labels], value: float) -> None:
        """Write one sample; `labels` is asked for when the series is new."""
        ...


class Rows:
    """A `Writer` that remembers what it is given, so that it can be written again unchanged."""

    def __init__(self) -> None:
        self.described: list[tuple[str, Labels]] = []
        self.values: list[float] = []

    @classmethod
    def of(cls, parts: Iterable[Rows]) -> Rows:
        """Put several together."""
        made = cls()
        for part in parts:
            made.described += part.described
            made.values += part.values
        return made

    def set(self, name: str, key: Hashable, labels: Callable[[], Labels], value: float) -> None:
        """Remember one sample."""
        self.described.append((name, labels()))
        self.values.append(value)

    def listed(self) -> list[tuple[str, Labels]]:
        """The names and labels of what was given."""
        return list(self.described)


class Exporter(Protocol):
    """One source of metrics."""

    def export(self, page: Page, now: datetime) -> None:
        """Write all its present samples."""
        ...


@dataclass(slots=True)
class _Slot:
    series: SeriesSink
    name: str
    labels: Labels
    round: int


@dataclass(slots=True)
class _Block:
    series: list[Any]
    named: Sequence[tuple[str, Labels]]
    round: int


class Page:
    """What one scrape sees. A series is found again by its name and a short key of its object."""

    def __init__(self, sink: SampleSink[Any]) -> None:
        self._sink = sink
        self._slots: dict[tuple[str, Hashable], _Slot] = {}
        self._blocks: dict[Hashable, _Block] = {}
        self._fresh: set[int] = set()
        self._round = 0
        self._at = 0.0

    def begin(self, at: float) -> None:
        """Start a scrape at Unix time `at`."""
        self._round += 1
        self._at = at

    def set(self, name: str, key: Hashable, labels: Callable[[], Labels], value: float) -> None:
        """Write one sample; `labels` is asked for when the series is new."""
        slot = self._slots.get((name, key))
        if slot is None:
            found = labels()
            slot = _Slot(self._sink.series(name, found), name, found, 0)
            self._slots[name, key] = slot
        slot.round = self._round
        slot.series.append(self._at, value)

    def set_all(
        self,
        key: Hashable,
        described: Callable[[], Sequence[tuple[str, Labels]]],
        values: Values,
    ) -> None:
        """Write samples that always come together; `described` gives their names and labels once.

        The same list of values as before, as an object, means that none has changed.
        """
        block = self._blocks.get(key)
        if block is None:
            named = described()
            handles = [self._sink.series(name, labels) for name, labels in named]
            block = self._blocks[key] = _Block(handles, named, 0)
            self._fresh.update(map(id, handles))
        block.round = self._round
        self._sink.append_all(block.series, self._at, values)

    def end(self) -> None:
        """Mark as stale what this scrape no longer had."""
        for known in [key for key, block in self._blocks.items() if block.round != self._round]:
            block = self._blocks.pop(known)
            for series, (name, labels) in zip(block.series, block.named, strict=True):
                # a block that took this one's place may go on with some of its series
                if id(series) not in self._fresh:
                    self._sink.mark_stale(name, labels, self._at)
        self._fresh.clear()
        gone = [key for key, slot in self._slots.items() if slot.round != self._round]
        for key in gone:
            slot = self._slots.pop(key)
            self._sink.mark_stale(slot.name, slot.labels, self._at)


class Scraper:
    """Scrapes on the virtual clock (`eval.environments.emulator.seams.Ticker`)."""

    def __init__(self, sink: SampleSink[Any], exporters: Sequence[Exporter]) -> None:
        for name, (kind, text) in METADATA.items():
            sink.describe(name, kind, text)
        self._page = Page(sink)
        self._exporters = exporters

    def tick(self, start: datetime, end: datetime) -> None:
        """Scrape at every whole interval in (start, end]."""
        first = int(start.timestamp() // INTERVAL_SECONDS) + 1
        last = int(end.timestamp() // INTERVAL_SECONDS)
        for number in range(first, last + 1):
            at = number * INTERVAL_SECONDS
            self._page.begin(float(at))
            for exporter in self._exporters:
                exporter.export(self._page, datetime.fromtimestamp(at, UTC))
            self._page.end()
