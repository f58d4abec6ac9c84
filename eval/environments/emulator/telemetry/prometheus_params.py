"""Parameters of Prometheus' HTTP API: times, durations, selectors, from the URL or a form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import promql_parser

from eval.environments.emulator.telemetry.matchers import Matcher
from eval.environments.emulator.telemetry.promql import BadQuery
from eval.environments.emulator.telemetry.promql.engine import parse_selector


@dataclass(frozen=True, slots=True)
class Params:
    """All values of each parameter, a form's before the URL's. Every method raises `BadQuery`."""

    values: Mapping[str, list[str]]

    def text(self, name: str) -> str:
        """Return the first value, "" without one."""
        return next(iter(self.values.get(name, ())), "")

    def time(self, name: str, default: float | None = None) -> float:
        """Read a moment (Unix seconds or RFC 3339) as Unix seconds."""
        text = self.text(name)
        if not text and default is not None:
            return default
        moment = _timestamp(text)
        if moment is None:
            raise BadQuery(
                f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp'
            )
        return moment

    def duration(self, name: str) -> float:
        """Read a duration (seconds, or `1m30s`) as seconds."""
        text = self.text(name)
        number = _number(text)
        if number is not None:
            return number
        try:
            return promql_parser.parse_duration(text).total_seconds()
        except ValueError as error:
            raise BadQuery(
                f'invalid parameter "{name}": cannot parse "{text}" to a valid duration'
            ) from error

    def count(self, name: str) -> int | None:
        """Read a limit; none or a negative one means that there is no limit."""
        text = self.text(name)
        if not text:
            return None
        try:
            number = int(text)
        except ValueError as error:
            raise BadQuery(f"{name} must be a number") from error
        return number if number >= 0 else None

    def selectors(self) -> list[list[Matcher]]:
        """Read all `match[]`."""
        return [parse_selector(text) for text in self.values.get("match[]", ())]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _timestamp(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
