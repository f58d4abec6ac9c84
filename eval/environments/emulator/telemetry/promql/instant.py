"""Functions from numbers to numbers: arithmetic, rounding, calendar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eval.environments.emulator.telemetry.promql.values import Floats

Map = Callable[[Floats], Floats]


def round_to(values: Floats, unit: Floats) -> Floats:
    """Round to a multiple of `unit`, halves up."""
    inverse = 1.0 / unit
    result: Floats = np.floor(values * inverse + 0.5) / inverse
    return result


def _days(values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    return _seconds(values).astype("datetime64[s]").astype("datetime64[D]")


def _seconds(values: Floats) -> Floats:
    return np.trunc(np.where(np.isfinite(values), values, 0.0))


def _part(values: Floats, fine: str, coarse: str, first: int) -> Floats:
    """Return how many units of `fine` lie between the start of the unit of `coarse` and the time."""
    days = _days(values)
    count = days.astype(f"datetime64[{fine}]") - days.astype(f"datetime64[{coarse}]").astype(
        f"datetime64[{fine}]"
    )
    result: Floats = count.astype(np.float64) + first
    return result


def _days_in_month(values: Floats) -> Floats:
    month = _days(values).astype("datetime64[M]")
    length = (month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")
    result: Floats = length.astype(np.float64)
    return result


def _weekday(values: Floats) -> Floats:
    return (_days(values).astype(np.int64) + 4).astype(np.float64) % 7


def _clock(values: Floats, unit: float, size: float) -> Floats:
    result: Floats = np.floor(_seconds(values) / unit) % size
    return result


def _year(values: Floats) -> Floats:
    return _days(values).astype("datetime64[Y]").astype(np.int64).astype(np.float64) + 1970


def larger(a: Floats, b: Floats) -> Floats:
    """Return the maximum as Go has it: NaN wins over numbers, and infinity over NaN."""
    return np.where((a == np.inf) | (b == np.inf), np.inf, np.maximum(a, b))


def smaller(a: Floats, b: Floats) -> Floats:
    """Return the minimum as Go has it: NaN wins over numbers, and minus infinity over NaN."""
    return np.where((a == -np.inf) | (b == -np.inf), -np.inf, np.minimum(a, b))


MATH: dict[str, Map] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": np.degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": np.radians,
    "sgn": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

CALENDAR: dict[str, Map] = {
    "day_of_month": lambda values: _part(values, "D", "M", 1),
    "day_of_week": _weekday,
    "day_of_year": lambda values: _part(values, "D", "Y", 1),
    "days_in_month": _days_in_month,
    "hour": lambda values: _clock(values, 3600, 24),
    "minute": lambda values: _clock(values, 60, 60),
    "month": lambda values: _part(values, "M", "Y", 1),
    "year": _year,
}
"""These read Unix seconds in UTC, and the time of evaluation without an argument."""
