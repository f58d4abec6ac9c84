"""What changed: the present pod template against the revision before, and edits with their times."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.kube import created, dig, edit_time, name_of, pod_spec
from copilot.evidence.ledger import Ledger
from copilot.evidence.snapshot import Snapshot, event_time, revision_of
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef
from copilot.tools.manifests import diff

_NEVER = datetime.max.replace(tzinfo=UTC)
_BIRTH = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs from the revision before. `before` and `after` are JSON or text.

    `field` is the first part of `path` that tells what it is about: "image", "env", "command",
    "args", "resources", "readinessProbe", "nodeSelector", …; `container` is "" for pod fields.
    """

    object: ObjectRef
    at: datetime | None
    field: str
    path: str
    container: str
    before: str
    after: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before or '(none)'} -> {self.after or '(none)'}"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A workload's present revision against the one before; `reverts`: it is older, and was gone back to."""

    at: datetime | None
    revision: int
    previous: int
    previous_ready: bool
    reverts: bool
    changes: tuple[Change, ...]


def rollout(snapshot: Snapshot, ledger: Ledger, workload: ObjectRef) -> Rollout | None:
    """Compare a Deployment's two latest revisions; None where there is only one, or none known."""
    sets = snapshot.replica_sets(workload)
    if len(sets) < 2:
        return None
    current, before = sets[0], sets[1]
    differences = list(diff(pod_spec(before), pod_spec(current)))
    at = _rollout_time(snapshot, workload, current)
    if not differences:
        return None
    text = "\n".join(
        f"{path}: {old or '(none)'} -> {new or '(none)'}" for path, old, new in differences
    )
    evidence = ledger.add(
        Source.CHANGES,
        f"kubectl rollout history deployment/{workload.name} -n {workload.namespace}"
        f" (revision {revision_of(before)} against {revision_of(current)})",
        f"{workload} revision {revision_of(before)} -> {revision_of(current)} at {at}\n{text}",
        excerpt=text[:400],
        objects=(workload,),
    )
    changes = tuple(
        Change(workload, at, *_place(path), before=old, after=new, evidence=evidence)
        for path, old, new in differences
    )
    ready = int(dig(before, "status.readyReplicas", 0) or 0) > 0
    reverts = (created(current) or _NEVER) < (created(before) or _NEVER)
    return Rollout(at, revision_of(current), revision_of(before), ready, reverts, changes)


def _rollout_time(snapshot: Snapshot, workload: ObjectRef, current: Json) -> datetime | None:
    """When the present revision was rolled out: a roll-back reuses an old ReplicaSet."""
    times = [created(current)]
    for event in snapshot.events(workload):
        if event.get("reason") == "ScalingReplicaSet" and (
            f"caled up replica set {name_of(current)} " in str(event.get("message", ""))
        ):
            times.append(event_time(event))
    return max((t for t in times if t), default=None)


def _place(path: str) -> tuple[str, str, str]:
    parts = path.split("/")
    if parts[0] in ("containers", "initContainers") and len(parts) > 2:
        return parts[2], path, parts[1]
    return parts[0], path, ""


def declared(obj: Json) -> Json | None:
    """Return the manifest that was last applied to an object, if `kubectl apply` made it."""
    annotations = dig(obj, "metadata.annotations", {}) or {}
    text = annotations.get("kubectl.kubernetes.io/last-applied-configuration")
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def changed_at(snapshot: Snapshot, ref: ObjectRef) -> datetime | None:
    """Return when an object's specification was last written, as far as the server tells."""
    obj = snapshot.get(ref)
    if obj is None:
        return None
    if ref.kind == "Deployment":
        times = [edit_time(obj)]
        sets = snapshot.replica_sets(ref)
        if len(sets) > 1:
            times.append(_rollout_time(snapshot, ref, sets[0]))
        for event in snapshot.events(ref):
            if event.get("reason") == "ScalingReplicaSet":
                times.append(event_time(event))
        start = created(obj)
        later = [t for t in times if t and (start is None or t - start > _BIRTH)]
        return max(later, default=None)
    if ref.kind in ("NetworkPolicy", "ResourceQuota", "LimitRange", "Job"):
        return edit_time(obj, ("f:spec",)) or created(obj)
    if ref.kind == "Node":
        return edit_time(obj, ("f:spec",))
    return edit_time(obj)
