"""Conditions in statuses, with honest transition times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import rfc3339


def set_condition(
    conditions: Sequence[Json],
    kind: str,
    status: bool,
    now: datetime,
    *,
    reason: str = "",
    message: str = "",
    extra: Json | None = None,
    updated: bool = False,
    probed: bool = False,
) -> list[Json]:
    """Return the conditions with one of them set; others keep their place.

    `lastTransitionTime` moves only when the status changes. With `updated` there is also a
    `lastUpdateTime`, which moves with any change (Deployments); with `probed` an empty
    `lastProbeTime` (Pods).
    """
    value = "True" if status else "False"
    present = rfc3339(now)
    old = next((item for item in conditions if item["type"] == kind), None)
    new: Json = {"type": kind, "status": value, **(extra or {})}
    if probed:
        new["lastProbeTime"] = None
    if reason:
        new["reason"] = reason
    if message:
        new["message"] = message
    same = old is not None and old["status"] == value
    new["lastTransitionTime"] = old["lastTransitionTime"] if old and same else present
    if updated:
        unchanged = (
            old is not None
            and same
            and (old.get("reason", ""), old.get("message", "")) == (reason, message)
        )
        new["lastUpdateTime"] = old["lastUpdateTime"] if old and unchanged else present
    if old is None:
        return [*conditions, new]
    return [new if item is old else item for item in conditions]


def without(conditions: Sequence[Json], kind: str) -> list[Json]:
    """Return the conditions except one kind."""
    return [item for item in conditions if item["type"] != kind]
