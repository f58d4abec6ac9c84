"""Parameters of Loki's HTTP API: times in all its formats, durations, limits, directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from eval.environments.emulator.telemetry.durations import model_duration
from eval.environments.emulator.telemetry.logql import LogQLError

MAX_ENTRIES = 5000
"""Loki's own default limit per query."""

MAX_POINTS = 11_000

_SECOND = 1_000_000_000
_DEFAULT_SINCE = 3600.0
_LONGEST = 721 * 3600 * _SECOND


@dataclass(frozen=True, slots=True)
class LokiParams:
    """The values of each parameter; `now` is the present in ns. Methods raise `LogQLError`."""

    values: Mapping[str, list[str]]
    now: int

    def text(self, name: str) -> str:
        """Return the first value, "" without one."""
        return next(iter(self.values.get(name, ())), "")

    def all(self, *names: str) -> list[str]:
        """Return all values of a parameter that has several names."""
        return [value for name in names for value in self.values.get(name, ())]

    def time(self, name: str, default: int) -> int:
        """Read a moment as Unix nanoseconds: seconds with or without a fraction, ns, or RFC 3339."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse_time(text)
        except ValueError as error:
            why = f'strconv.ParseInt: parsing "{text}": invalid syntax'
            raise LogQLError(f"could not parse '{name}' parameter: {why}") from error

    def bounds(self) -> tuple[int, int]:
        """Return start and end; by default the last hour, or `since` before the end."""
        end = self.time("end", self.now)
        since = self.text("since")
        length = self._duration("since", since) if since else _DEFAULT_SINCE
        start = self.time("start", min(end, self.now) - round(length * _SECOND))
        if end < start:
            raise LogQLError("end timestamp must not be before or equal to start time")
        if end - start > _LONGEST:
            raise LogQLError(
                f"the query time range exceeds the limit (query length: "
                f"{(end - start) // (3600 * _SECOND)}h0m0s, limit: 30d1h)"
            )
        return start, end

    def step(self, start: int, end: int) -> int:
        """Return the step in ns, by default a 250th of the period, in whole seconds."""
        text = self.text("step")
        if not text:
            return max((end - start) // _SECOND // 250, 1) * _SECOND
        step = round(self._duration("step", text) * _SECOND)
        if step <= 0:
            raise LogQLError(
                "zero or negative query resolution step widths are not accepted. "
                "Try a positive integer"
            )
        if (end - start) // step > MAX_POINTS:
            raise LogQLError(
                "exceeded maximum resolution of 11,000 points per time series. "
                "Try increasing the value of the step parameter"
            )
        return step

    def limit(self) -> int:
        """Return how many lines are asked for."""
        text = self.text("limit")
        if not text:
            return 100
        try:
            limit = int(text)
        except ValueError as error:
            raise LogQLError(f'strconv.Atoi: parsing "{text}": invalid syntax') from error
        if limit <= 0:
            raise LogQLError("limit must be a positive value")
        if limit > MAX_ENTRIES:
            raise LogQLError(
                f"max entries limit per query exceeded, limit > max_entries_limit "
                f"({limit} > {MAX_ENTRIES})"
            )
        return limit

    def backward(self) -> bool:
        """Whether the newest lines come first, as by default."""
        text = self.text("direction")
        if text.upper() not in ("", "FORWARD", "BACKWARD"):
            raise LogQLError(f"invalid direction '{text}'")
        return text.upper() != "FORWARD"

    def _duration(self, name: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            pass
        try:
            return model_duration(text)
        except ValueError as error:
            raise LogQLError(f'cannot parse "{text}" to a valid duration') from error


def parse_time(text: str) -> int:
    """Read a moment as Unix nanoseconds. Raises `ValueError`."""
    if "." in text:
        try:
            return round(float(text) * 1000) * 1_000_000
        except ValueError:
            pass
    try:
        number = int(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000) * 1000
    return number * _SECOND if len(text) <= 10 else number
