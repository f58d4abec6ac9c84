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
    probed: bool = False,
) -> list[Json]:
    """Return the conditions with one of them set; others keep their place.

    `lastTransitionTime` moves only when the status changes. With `probed` there is also an empty
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
    if old is None:
        return [*conditions, new]
    return [new if item is old else item for item in conditions]


def set_updated(
    conditions: Sequence[Json],
    kind: str,
    status: bool,
    now: datetime,
    *,
    reason: str,
    message: str,
    renew: bool = False,
) -> list[Json]:
    """Return a Deployment's conditions with one of them set.

    Nothing changes when its status and reason stay, unless it is to `renew`. Else it becomes the
    last one, with a new `lastUpdateTime`.
    """
    old = next((item for item in conditions if item["type"] == kind), None)
    value = "True" if status else "False"
    if old is not None and not renew and (old["status"], old.get("reason")) == (value, reason):
        return list(conditions)
    (new,) = set_condition(
        [] if old is None else [old], kind, status, now, reason=reason, message=message
    )
    return [*without(conditions, kind), {**new, "lastUpdateTime": rfc3339(now)}]


def without(conditions: Sequence[Json], kind: str) -> list[Json]:
    """Return the conditions except one kind."""
    return [item for item in conditions if item["type"] != kind]
