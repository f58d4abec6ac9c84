"""Values that connectors return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A Kubernetes object, as the API server sends it."""


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: labels (with `__name__` where there is one) and (Unix seconds, value) points."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One row of `doctor`: what was tried, whether it worked, and how to repair it."""

    name: str
    ok: bool
    detail: str
    repair: str = ""
