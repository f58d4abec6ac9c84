"""The emulated Prometheus' storage: samples in flat arrays, found by label matchers."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp

Labels = tuple[tuple[str, str], ...]
"""The labels of a series, `__name__` among them, sorted by name: comparable and hashable."""

NAME = "__name__"

Values = Sequence[float] | NDArray[np.float64]

STALE_BITS = 0x7FF0000000000002
STALE_NAN: float = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
"""The value that marks the end of a series. It is one particular NaN; compare its bits."""


_MOST_ROWS = 128


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an exporter says about a metric: its type ("counter", …), help text and unit."""

    type: str
    help: str = ""
    unit: str = ""


def to_ms(seconds: float) -> int:
    """Return Unix seconds as the whole milliseconds that Prometheus keeps."""
    return round(seconds * 1000)


class StoredSeries:
    """One time series. Keep it to append many samples without looking the labels up again.

    The store detaches a series that expired as a whole; one that is still held then forwards.
    """

    __slots__ = ("_store", "_times", "_values", "attached", "labels", "mapping", "rows")

    def __init__(self, store: SeriesStore, labels: Labels) -> None:
        self._store = store
        self._times = array("q")
        self._values = array("d")
        self.labels = labels
        self.mapping: dict[str, str] = dict(labels)
        self.attached = True
        self.rows: Rows | None = None

    def __len__(self) -> int:
        self._settle()
        return len(self._times)

    @property
    def nbytes(self) -> int:
        """Memory that the samples take."""
        self._settle()
        return sum(len(part) * part.itemsize for part in (self._times, self._values))

    def append(self, t: float, value: float) -> None:
        """Add a sample at `t` Unix seconds; a second one at the same time replaces the first.

        Raises `ValueError` for a time before the last sample's.
        """
        if not self.attached:
            self._store.with_labels(self.labels).append(t, value)
            return
        self._settle(alone=True)
        ms = round(t * 1000)
        times = self._times
        if times and ms <= times[-1]:
            if ms < times[-1]:
                raise ValueError(f"out of order sample at {t} for {self.mapping}")
            self._values[-1] = value
            return
        times.append(ms)
        self._values.append(value)
        oldest = self._store.advance(ms)
        if times[0] < oldest:
            self.trim(oldest)

    def extend(self, times: Iterable[float], values: Iterable[float]) -> None:
        """Add samples in the order of time (Unix seconds), all later than those that are there."""
        if not self.attached:
            self._store.with_labels(self.labels).extend(times, values)
            return
        self._settle(alone=True)
        added = array("q", [round(t * 1000) for t in times])
        numbers = array("d", values)
        if len(added) != len(numbers):
            raise ValueError(f"{len(added)} times and {len(numbers)} values")
        if not added:
            return
        ordered = bool(np.all(np.diff(np.frombuffer(added, dtype=np.int64)) > 0))
        if not ordered or (self._times and added[0] <= self._times[-1]):
            raise ValueError(f"out of order samples for {self.mapping}")
        self._times.extend(added)
        self._values.extend(numbers)
        self.trim(self._store.advance(added[-1]))

    def samples(self, start_ms: int, end_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return copies of the times (ms) and values in [start, end], staleness markers included."""
        self._settle()
        low = bisect_left(self._times, start_ms)
        high = bisect_right(self._times, end_ms)
        times = np.array(self._times[low:high], dtype=np.int64)
        return times, np.array(self._values[low:high], dtype=np.float64)

    def overlaps(self, start_ms: int, end_ms: int) -> bool:
        """Whether there is a sample in [start, end]."""
        self._settle()
        low = bisect_left(self._times, start_ms)
        return low < len(self._times) and self._times[low] <= end_ms

    def trim(self, oldest_ms: int, *, eager: bool = False) -> None:
        """Forget samples before `oldest_ms`; without `eager` only when a fifth or more would go."""
        self._settle()
        expired = bisect_left(self._times, oldest_ms)
        if expired and (eager or expired * 5 >= len(self._times)):
            del self._times[:expired]
            del self._values[:expired]

    def take(self, times: array[int], values: bytes) -> None:
        """Add samples (ms, float64) that are all later than those that are there."""
        self._times.extend(times)
        self._values.frombytes(values)

    def _settle(self, *, alone: bool = False) -> None:
        if self.rows is not None:
            self.rows.settle(ended=alone)


class Rows:
    """Samples of series that always come together, kept by moment until one of them is read.

    A scrape then costs one append for each object instead of one for each of its series.
    """

    __slots__ = ("_last", "_repeated", "_same", "_series", "_times", "_values", "ended")

    def __init__(self, series: Sequence[StoredSeries], last: int) -> None:
        """Begin after the time `last` (ms), when each of the series had a sample."""
        for one in series:
            if one.rows is not None:
                one.rows.settle(ended=True)
            one.rows = self
        self._series = series
        self._last = last
        self._times = array("q")
        self._values = array("d")
        self._same: Values | None = None
        self._repeated = 0
        self.ended = False

    def add(self, ms: int, values: Values) -> None:
        """Keep one sample of each series. Raises `ValueError` for a number that does not fit.

        The same object as before is taken for the same values, which costs next to nothing.
        """
        self._last = ms
        if values is self._same:
            self._times.append(ms)
            self._repeated += 1
            return
        if len(values) != len(self._series):
            raise ValueError(f"{len(values)} values for {len(self._series)} series")
        self._times.append(ms)
        self._repeat()
        if isinstance(values, np.ndarray):
            self._values.frombytes(values.tobytes())
        else:
            self._values.extend(values)
            self._same = values

    def _repeat(self) -> None:
        """Write out the values that came again and again."""
        if self._repeated and self._same is not None:
            self._values.extend(array("d", self._same) * self._repeated)
        self._same, self._repeated = None, 0

    def of(self, series: Sequence[StoredSeries]) -> bool:
        """Whether these are the samples of `series`."""
        return self._series is series

    def follows(self, ms: int) -> bool:
        """Whether a sample at `ms` is later than all that are kept here."""
        return not self.ended and ms > self._last

    @property
    def full(self) -> bool:
        """Whether it is time to settle, for the sake of memory."""
        return len(self._times) >= _MOST_ROWS

    def settle(self, *, ended: bool = False) -> None:
        """Give the samples to their series; when `ended`, no more are kept here."""
        self.ended = self.ended or ended
        if not self._times:
            return
        self._repeat()
        times, self._times = self._times, array("q")
        flat, self._values = np.frombuffer(self._values, dtype=np.float64), array("d")
        columns = flat.reshape(len(times), len(self._series)).T
        for one, column in zip(self._series, columns, strict=True):
            one.take(times, column.tobytes())


class SeriesStore:
    """Samples of the last `retention` seconds, 16 bytes each.

    Not safe for threads: write and query from one event loop. Times are Unix seconds.
    """

    def __init__(self, retention: float = 6 * 3600) -> None:
        self._retention_ms = to_ms(retention)
        self._series: dict[Labels, StoredSeries] = {}
        self._by_name: dict[str, dict[Labels, StoredSeries]] = {}
        self._metadata: dict[str, Metadata] = {}
        self._newest_ms = 0
        self._sweep_at = 1000

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self._series)

    @property
    def sample_count(self) -> int:
        """How many samples are kept."""
        return sum(len(series) for series in self._series.values())

    def series(self, name: str, labels: Mapping[str, str]) -> StoredSeries:
        """Return the series with these labels, made if new. Empty label values mean "no label"."""
        if NAME in labels:
            raise ValueError(f"give the metric name as `name`, not as a label: {dict(labels)}")
        key: Labels = tuple(sorted([(NAME, name), *(pair for pair in labels.items() if pair[1])]))
        return self.with_labels(key)

    def with_labels(self, labels: Labels) -> StoredSeries:
        """Return the series with exactly these labels, made if new."""
        found = self._series.get(labels)
        if found is None:
            if len(self._series) >= self._sweep_at:
                self.sweep()
                self._sweep_at = max(1000, 2 * len(self._series))
            found = StoredSeries(self, labels)
            self._series[labels] = found
            self._by_name.setdefault(found.mapping[NAME], {})[labels] = found
        return found

    def append(self, name: str, labels: Mapping[str, str], t: float, value: float) -> None:
        """Add one sample. Raises `ValueError` for a time before the series' last one."""
        self.series(name, labels).append(t, value)

    def append_all(self, series: Sequence[StoredSeries], t: float, values: Values) -> None:
        """Add one sample to each of many series of this store, as `StoredSeries.append` would.

        Give the same `series` object each time: what comes together is kept together until it is read.
        The same `values` object as the time before means the same values.
        """
        ms = round(t * 1000)
        rows = series[0].rows if series else None
        if rows is None or not rows.of(series) or not rows.follows(ms):
            for one, value in zip(series, map(float, values), strict=True):
                one.append(t, value)
            if series and all(one.attached for one in series):
                Rows(series, ms)
            return
        rows.add(ms, values)
        oldest = self.advance(ms)
        if rows.full:
            rows.settle()
            for one in series:
                one.trim(oldest)

    def mark_stale(self, name: str, labels: Mapping[str, str], t: float) -> None:
        """End a series at `t`, as Prometheus does when a target or a series goes away."""
        self.series(name, labels).append(t, STALE_NAN)

    def describe(self, name: str, type: str, help: str = "", unit: str = "") -> None:
        """Set the metadata of a metric (for a histogram: its name without `_bucket`)."""
        self._metadata[name] = Metadata(type, help, unit)

    def metadata(self) -> dict[str, Metadata]:
        """Return the metadata by metric name."""
        return dict(sorted(self._metadata.items()))

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[StoredSeries]:
        """Return the series that satisfy all matchers and have a sample in [start, end], sorted.

        Raises `ValueError` for a bad regular expression.
        """
        candidates: Iterable[StoredSeries] = self._series.values()
        rest = list(matchers)
        for matcher in matchers:
            if matcher.name == NAME and matcher.op is MatchOp.EQUAL:
                candidates = self._by_name.get(matcher.value, {}).values()
                rest.remove(matcher)
                break
        verdicts: list[dict[str, bool]] = [{} for _ in rest]
        found = []
        for series in candidates:
            for matcher, known in zip(rest, verdicts, strict=True):
                value = series.mapping.get(matcher.name, "")
                if value not in known:
                    known[value] = matcher.matches(value)
                if not known[value]:
                    break
            else:
                if series.overlaps(start_ms, end_ms):
                    found.append(series)
        return sorted(found, key=lambda series: series.labels)

    def advance(self, ms: int) -> int:
        """Be told of a sample at `ms`; return the time before which samples have expired."""
        if ms > self._newest_ms:
            self._newest_ms = ms
        return self._newest_ms - self._retention_ms

    def sweep(self) -> None:
        """Forget expired samples and series without any; new series cause this now and then."""
        for series in list(self._series.values()):
            if len(series):
                series.trim(self._newest_ms - self._retention_ms, eager=True)
                if not len(series):
                    self._detach(series)

    def _detach(self, series: StoredSeries) -> None:
        if series.rows is not None:
            series.rows.settle(ended=True)
        series.attached = False
        del self._series[series.labels]
        named = self._by_name[series.mapping[NAME]]
        del named[series.labels]
        if not named:
            del self._by_name[series.mapping[NAME]]
