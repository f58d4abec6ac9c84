"""Durations as Go programs write and read them."""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_LONG = {"d": 86_400.0, "w": 7 * 86_400.0, "y": 365 * 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_MODEL = re.compile(r"(\d+)(ms|s|m|h|d|w|y)")


def go_duration(text: str) -> float:
    """Return the seconds of "1.5s", "300ms", "1h2m". Raises `ValueError` with Go's own words."""
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    total, at = 0.0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None:
            break
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if not rest or at < len(rest):
        why = "missing unit in" if re.fullmatch(r"[\d.]+", rest) else "invalid"
        raise ValueError(f'time: {why} duration "{text}"')
    return sign * total


def model_duration(text: str) -> float:
    """Return the seconds of "5m", "1h30m", "2d", as Prometheus and Loki write ranges.

    Raises `ValueError` with Loki's words.
    """
    total, at = 0.0, 0
    while at < len(text):
        part = _MODEL.match(text, at)
        if part is None:
            break
        unit = part[2]
        total += int(part[1]) * (_LONG[unit] if unit in _LONG else _UNITS[unit])
        at = part.end()
    if text and at == len(text):
        return total
    try:
        return go_duration(text)
    except ValueError as error:
        raise ValueError(f'not a valid duration string: "{text}"') from error
