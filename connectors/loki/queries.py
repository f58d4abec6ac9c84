"""LogQL for what is asked, and its answers as our values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.api.values import LogLine, LogSelector

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stream_selector(selector: LogSelector, labels: Mapping[str, str]) -> str:
    """Write a stream selector. Raises `ValueError` when the store lacks a label that is needed."""
    parts: list[str] = []
    for ours, value in (
        ("namespace", selector.namespace),
        ("container", selector.container),
        ("service", selector.service),
    ):
        if value:
            parts.append(f"{_label(labels, ours)}={quoted(value)}")
    if len(selector.pods) == 1:
        parts.append(f"{_label(labels, 'pod')}={quoted(selector.pods[0])}")
    elif selector.pods:
        pattern = "|".join(_escaped(pod) for pod in selector.pods)
        parts.append(f"{_label(labels, 'pod')}=~{quoted(pattern)}")
    # Loki wants at least one condition that an absent label does not fulfil
    return "{" + ", ".join(parts or [f'{_label(labels, "namespace")}=~".+"']) + "}"


def quoted(text: str) -> str:
    """Write a LogQL string."""
    return json.dumps(text, ensure_ascii=False)


def nanoseconds(moment: datetime) -> int:
    """Return a moment as Unix nanoseconds."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def to_lines(result: Any, labels: Mapping[str, str]) -> list[LogLine]:
    """Read streams, in the order of time. Raises `KeyError`, `TypeError`, `ValueError`."""
    found: list[tuple[int, LogLine]] = []
    for row in result:
        own = to_labels(row["stream"], labels)
        for entry in row["values"]:
            ns = int(entry[0])
            at = _EPOCH + ns // 1000 * _MICROSECOND
            found.append((ns, LogLine(at, str(entry[1]), own)))
    found.sort(key=lambda row: row[0])
    return [line for _, line in found]


def to_labels(stream: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a stream under our names."""
    return {ours: str(stream[theirs]) for ours, theirs in labels.items() if stream.get(theirs)}


def _label(labels: Mapping[str, str], ours: str) -> str:
    if not labels.get(ours):
        raise ValueError(f"no label of the store is known for the {ours}")
    return labels[ours]


def _escaped(text: str) -> str:
    # RE2 does not know all that Python's re.escape writes
    return re.sub(r"([.+*?()|\[\]{}^$\\])", r"\\\1", text)
