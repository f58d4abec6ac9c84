"""How many requests arrive: the shape of the workload over time."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from eval.apps.model import Workload

_TROUGH_HOUR = 4


def shape(workload: Workload, at: datetime) -> float:
    """Return the factor on the workload's rate at an instant."""
    factor = 1.0
    moment = at.astimezone(UTC)
    if workload.daily_swing:
        hours = moment.hour + moment.minute / 60 + moment.second / 3600
        factor -= workload.daily_swing * math.cos((hours - _TROUGH_HOUR) / 24 * 2 * math.pi)
    for burst in workload.bursts:
        if moment.timestamp() % burst.every_seconds < burst.seconds:
            factor *= burst.factor
    return max(0.0, factor)
