"""Evaluates LogQL over streams of log lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eval.environments.emulator.telemetry.logql import ast
from eval.environments.emulator.telemetry.logql.errors import LogQLError
from eval.environments.emulator.telemetry.logql.stages import ERROR, Labels, run
from eval.environments.emulator.telemetry.matchers import Matcher

Key = tuple[tuple[str, str], ...]
Entry = tuple[int, str]
"""(Unix nanoseconds, line)"""


class Streams(Protocol):
    """Where the lines are."""

    def select(
        self, matchers: Sequence[Matcher], start: int, end: int
    ) -> Iterator[tuple[Labels, Sequence[Entry]]]:
        """Return the streams that satisfy all matchers, each with its lines in [start, end) ns."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """How much was looked at."""

    lines: int
    bytes: int


def logs(
    query: ast.LogQuery, streams: Streams, start: int, end: int, limit: int, *, backward: bool
) -> tuple[list[tuple[Key, list[Entry]]], Read]:
    """Return at most `limit` lines in [start, end) ns, the newest (`backward`) or oldest ones."""
    found: list[tuple[int, Key, str]] = []
    read = bytes_ = 0
    for labels, entries in streams.select(query.matchers, start, end):
        plain = _key(labels)
        kept = 0
        for at, line in reversed(entries) if backward else entries:
            read += 1
            bytes_ += len(line)
            out = run(query.stages, labels, line)
            if out is None:
                continue
            found.append((at, plain if out is labels else _key(out), line))
            kept += 1
            # no stream can give more than all that are asked for
            if kept >= limit:
                break
    found.sort(key=lambda row: row[0], reverse=backward)
    groups: dict[Key, list[Entry]] = {}
    for at, key, line in found[:limit]:
        groups.setdefault(key, []).append((at, line))
    return sorted(groups.items()), Read(read, bytes_)


def metrics(
    query: ast.MetricQuery, streams: Streams, times: NDArray[np.int64]
) -> list[tuple[Key, NDArray[np.float64]]]:
    """Return a value for each series and time (ns), NaN where it has none. Raises `LogQLError`."""
    if isinstance(query, ast.RangeAggregation):
        return _over_time(query, streams, times)
    series = metrics(query.of, streams, times)
    if query.function in ("topk", "bottomk"):
        return _top(query, series)
    groups: defaultdict[Key, list[NDArray[np.float64]]] = defaultdict(list)
    for key, values in series:
        groups[_grouped(key, query.grouping)].append(values)
    return sorted(
        ((key, _reduce(query.function, np.stack(rows))) for key, rows in groups.items()),
        key=lambda row: row[0],
    )


def _over_time(
    query: ast.RangeAggregation, streams: Streams, times: NDArray[np.int64]
) -> list[tuple[Key, NDArray[np.float64]]]:
    window, offset = round(query.window * 1e9), round(query.offset * 1e9)
    ends = times - offset
    start, end = int(ends[0]) - window + 1, int(ends[-1]) + 1
    points: defaultdict[Key, list[tuple[int, int]]] = defaultdict(list)
    sized = query.function.startswith("bytes")
    for labels, entries in streams.select(query.logs.matchers, start, end):
        plain = _key(labels)
        for at, line in entries:
            out = run(query.logs.stages, labels, line)
            if out is None:
                continue
            if ERROR in out:
                raise _pipeline_error(out)
            key = plain if out is labels else _key(out)
            points[key].append((at, len(line.encode()) if sized else 1))
    found = []
    for key, rows in sorted(points.items()):
        rows.sort()
        at_ns = np.array([row[0] for row in rows], dtype=np.int64)
        total = np.concatenate([[0.0], np.cumsum([row[1] for row in rows], dtype=np.float64)])
        low = np.searchsorted(at_ns, ends - window, side="right")
        high = np.searchsorted(at_ns, ends, side="right")
        values = total[high] - total[low]
        if query.function in ("rate", "bytes_rate"):
            values = values / query.window
        values[high == low] = np.nan
        if not np.isnan(values).all():
            found.append((key, values))
    return found


def _pipeline_error(labels: Labels) -> LogQLError:
    kind, shown = labels[ERROR], _shown(_key(labels))
    return LogQLError(
        f"pipeline error: '{kind}' for series: '{shown}'.\n"
        "Use a label filter to intentionally skip this error. "
        f'(e.g | __error__!="{kind}").\n'
        'To skip all potential errors you can match empty errors.(e.g __error__="")\n'
        "The label filter can also be specified after unwrap. "
        '(e.g | unwrap latency | __error__="" )\n'
    )


def _shown(key: Key) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in key) + "}"


def _reduce(function: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    present = ~np.isnan(rows)
    empty = ~present.any(axis=0)
    result: NDArray[np.float64]
    if function == "count":
        result = present.sum(axis=0).astype(np.float64)
    elif function in ("min", "max"):
        lost = np.inf if function == "min" else -np.inf
        filled = np.where(present, rows, lost)
        result = filled.min(axis=0) if function == "min" else filled.max(axis=0)
    else:
        result = np.where(present, rows, 0.0).sum(axis=0)
        if function == "avg":
            result = result / np.maximum(present.sum(axis=0), 1)
    result[empty] = np.nan
    return result


def _top(
    query: ast.VectorAggregation, series: Sequence[tuple[Key, NDArray[np.float64]]]
) -> list[tuple[Key, NDArray[np.float64]]]:
    groups: defaultdict[Key, list[tuple[Key, NDArray[np.float64]]]] = defaultdict(list)
    for key, values in series:
        groups[_grouped(key, query.grouping)].append((key, values))
    sign = -1.0 if query.function == "topk" else 1.0
    found = []
    for rows in groups.values():
        table = np.stack([values for _, values in rows])
        ranks = np.argsort(np.argsort(sign * table, axis=0, kind="stable"), axis=0, kind="stable")
        for number, (key, values) in enumerate(rows):
            kept = np.where(ranks[number] < query.count, values, np.nan)
            if not np.isnan(kept).all():
                found.append((key, kept))
    return sorted(found, key=lambda row: row[0])


def _grouped(key: Key, grouping: ast.Grouping | None) -> Key:
    if grouping is None:
        return ()
    names = grouping.names
    return tuple(pair for pair in key if (pair[0] in names) is not grouping.without)


def _key(labels: Iterable[tuple[str, str]] | Labels) -> Key:
    pairs = labels.items() if isinstance(labels, dict) else labels
    return tuple(sorted(pair for pair in pairs if pair[1]))
