"""A Deployment's status: counts, and the Available and Progressing conditions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_updated, without
from eval.environments.emulator.cluster.controllers.rollout import fenceposts
from eval.environments.emulator.cluster.objects import condition, parse_time

PROGRESS_POLL_SECONDS = 1.0


def deployment_status(
    deployment: Json,
    new: Json | None,
    sets: Sequence[Json],
    now: datetime,
    *,
    created: bool = False,
) -> Json:
    """Return the status, given the ReplicaSets."""
    meta, spec = deployment["metadata"], deployment["spec"]
    old = deployment.get("status") or {}
    total = _sum(sets, "replicas")
    available = _sum(sets, "availableReplicas")
    counts = {
        "replicas": total,
        "updatedReplicas": _sum([new] if new else [], "replicas"),
        "readyReplicas": _sum(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(
            0, sum(int(s["spec"].get("replicas", 0)) for s in sets) - available
        ),
    }
    status: Json = {"observedGeneration": meta.get("generation", 1)}
    status.update({name: count for name, count in counts.items() if count})
    conditions = list(old.get("conditions") or ())
    wanted = int(spec.get("replicas", 1))
    _, unavailable = fenceposts(deployment)
    enough = available >= wanted - unavailable
    conditions = set_updated(
        conditions,
        "Available",
        enough,
        now,
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=(
            "Deployment has minimum availability."
            if enough
            else "Deployment does not have minimum availability."
        ),
    )
    conditions = _progress(deployment, new, counts, old, conditions, now, created)
    failure = next((f for s in sets if (f := condition(s, "ReplicaFailure"))), None)
    if failure is not None:
        conditions = set_updated(
            conditions,
            "ReplicaFailure",
            True,
            now,
            reason=failure["reason"],
            message=failure["message"],
        )
    else:
        conditions = without(conditions, "ReplicaFailure")
    status["conditions"] = conditions
    return status


def is_complete(deployment: Json) -> bool:
    """Whether all pods are of the newest template and available."""
    status, wanted = deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    return all(int(status.get(name, 0)) == wanted for name in counts)


def progress_left(deployment: Json, status: Json, now: datetime) -> float | None:
    """Return the seconds until the progress deadline, None when it does not run."""
    found = condition({"status": status}, "Progressing")
    if found is None or found["status"] != "True":
        return None
    if found.get("reason") not in (
        "NewReplicaSetCreated",
        "FoundNewReplicaSet",
        "ReplicaSetUpdated",
    ):
        return None
    since = parse_time(found["lastUpdateTime"])
    deadline = float(deployment["spec"].get("progressDeadlineSeconds", 600))
    return max(0.0, deadline - (now - since).total_seconds())


def _progress(
    deployment: Json,
    new: Json | None,
    counts: dict[str, int],
    old: Json,
    conditions: list[Json],
    now: datetime,
    created: bool,
) -> list[Json]:
    spec = deployment["spec"]
    wanted = int(spec.get("replicas", 1))
    name = new["metadata"]["name"] if new else ""
    present = next((item for item in conditions if item["type"] == "Progressing"), None)
    if spec.get("paused"):
        return set_updated(
            conditions,
            "Progressing",
            False if present is None else present["status"] == "True",
            now,
            reason="DeploymentPaused",
            message="Deployment is paused",
        )
    complete = (
        counts["updatedReplicas"] == wanted
        and counts["replicas"] == wanted
        and counts["availableReplicas"] == wanted
    )
    if complete and new is not None:
        return set_updated(
            conditions,
            "Progressing",
            True,
            now,
            reason="NewReplicaSetAvailable",
            message=f'ReplicaSet "{name}" has successfully progressed.',
        )
    if present is not None and present.get("reason") == "NewReplicaSetAvailable" and not created:
        observed = old.get("observedGeneration") == deployment["metadata"].get("generation")
        if observed and counts["updatedReplicas"] >= wanted:
            # a finished rollout stays finished when pods fail or the size changes later
            return conditions
    moved = (
        counts["updatedReplicas"] > old.get("updatedReplicas", 0)
        or counts["readyReplicas"] > old.get("readyReplicas", 0)
        or counts["availableReplicas"] > old.get("availableReplicas", 0)
        or counts["replicas"] - counts["updatedReplicas"]
        < old.get("replicas", 0) - old.get("updatedReplicas", 0)
    )
    if created or present is None:
        text, reason = f'Created new replica set "{name}"', "NewReplicaSetCreated"
    elif moved or present.get("reason") in ("NewReplicaSetAvailable", "DeploymentPaused"):
        text, reason = f'ReplicaSet "{name}" is progressing.', "ReplicaSetUpdated"
    else:
        return _deadline(deployment, name, conditions, now)
    # each step of progress restarts the deadline
    return set_updated(
        conditions, "Progressing", True, now, reason=reason, message=text, renew=moved
    )


def _deadline(deployment: Json, name: str, conditions: list[Json], now: datetime) -> list[Json]:
    left = progress_left(deployment, {"conditions": conditions}, now)
    if left is None or left > 0:
        return conditions
    return set_updated(
        conditions,
        "Progressing",
        False,
        now,
        reason="ProgressDeadlineExceeded",
        message=f'ReplicaSet "{name}" has timed out progressing.',
    )


def _sum(sets: Sequence[Json], field: str) -> int:
    return sum(int((item.get("status") or {}).get(field, 0)) for item in sets)
