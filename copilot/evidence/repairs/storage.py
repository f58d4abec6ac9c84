"""Claims that find no volume: freeing the volume that was theirs, asking for what there is."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import (
    dig,
    labels_of,
    matches_label_selector,
    name_of,
    pod_spec,
    quantity,
    ref_of,
)
from copilot.evidence.repairs.common import BACK, POD, READY, Facts, Row, joined
from copilot.model.action import CreateObject, ReplaceObject, Risk, SetField, Several, Single
from copilot.model.scope import ObjectRef

_FREED = "/spec/claimRef/uid"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_NEAR = 0.7
_BOUND = "The claim is bound, and its pods start with the data that the volume has."


def claim(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Bind a waiting claim to the volume that kept its name, asking for no more than that has.

    A volume whose claim was deleted stays with it by the old claim's uid. Without the uid it is
    kept for the claim of that name, so that nobody else gets the data.
    """
    wanted = case.snapshot.get(ref)
    if wanted is None or dig(wanted, "status.phase") == "Bound":
        return
    for volume in case.snapshot.of("PersistentVolume"):
        holder = dig(volume, "spec.claimRef", {}) or {}
        own = (holder.get("namespace"), holder.get("name")) == (ref.namespace, ref.name)
        if not own or dig(volume, "status.phase") not in ("Released", "Available"):
            continue
        steps: list[Single] = []
        titles = []
        smaller = _fitting(wanted, volume)
        if smaller is not None:
            # First: a claim that is bound is in use, and would not go away.
            steps.append(ReplaceObject(ref, json.dumps(smaller, sort_keys=True)))
            titles.append(f"replace claim {ref.name}, which is not bound, by {_described(volume)}")
        if holder.get("uid") and holder["uid"] != dig(wanted, "metadata.uid"):
            steps.append(SetField(ref_of(volume), _FREED))
            titles.append(f"free volume {volume['metadata']['name']} for claim {ref.name}")
        if steps:
            title = " and ".join(titles)
            action = joined(steps[0].object, steps)
            yield title[0].upper() + title[1:], action, Risk.MEDIUM, BACK, _BOUND


def _fitting(wanted: Json, volume: Json) -> Json | None:
    """Return the claim as one that the volume can fulfil; None where it does already."""
    size = str(dig(volume, "spec.capacity.storage", "") or "")
    asked, there = quantity(dig(wanted, "spec.resources.requests.storage")), quantity(size)
    spec = {k: v for k, v in wanted["spec"].items() if k != "volumeName"}
    if asked is not None and there is not None and asked > there:
        spec["resources"] = {"requests": {"storage": size}}
    if spec.get("storageClassName", "") != dig(volume, "spec.storageClassName", ""):
        spec["storageClassName"] = dig(volume, "spec.storageClassName", "")
    modes = dig(volume, "spec.accessModes", []) or []
    if not set(spec.get("accessModes") or ()) <= set(modes):
        spec["accessModes"] = modes
    if spec.get("volumeMode", "Filesystem") != dig(volume, "spec.volumeMode", "Filesystem"):
        spec["volumeMode"] = dig(volume, "spec.volumeMode", "Filesystem")
    if not matches_label_selector(spec.get("selector"), labels_of(volume)):
        spec.pop("selector", None)
    if spec == {k: v for k, v in wanted["spec"].items() if k != "volumeName"}:
        return None
    return _claim(wanted["metadata"], spec)


def _claim(meta: Json, spec: Json) -> Json:
    kept = {k: meta[k] for k in ("name", "namespace", "labels") if k in meta}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": kept,
        "spec": spec,
    }


def _described(volume: Json) -> str:
    size, kind = dig(volume, "spec.capacity.storage"), dig(volume, "spec.storageClassName", "")
    return f"one of {size}" + (f" of class {kind}" if kind else "")


def of_class(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Ask for a class that there is: that of the volume kept for the claim, the default, the others'."""
    rows = list(claim(case, ref, facts))
    yield from rows
    wanted = case.snapshot.get(ref)
    if rows or wanted is None or dig(wanted, "status.phase") == "Bound":
        return
    named = str(dig(wanted, "spec.storageClassName", "") or "")
    classes = {name_of(c): c for c in case.snapshot.of("StorageClass")}
    usual = [
        n for n, c in classes.items() if _DEFAULT in (dig(c, "metadata.annotations", {}) or {})
    ]
    near = difflib.get_close_matches(named, [n for n in classes if n != named], 1, 0.75)
    bound = Counter(
        str(dig(c, "spec.storageClassName"))
        for c in case.snapshot.of("PersistentVolumeClaim")
        if dig(c, "status.phase") == "Bound" and dig(c, "spec.storageClassName") in classes
    )
    found = (
        near
        or usual
        or [n for n, _ in bound.most_common(1)]
        or (list(classes) if len(classes) == 1 else [])
    )
    if found and found[0] != named:
        spec = {**wanted["spec"], "storageClassName": found[0]}
        body = _claim(wanted["metadata"], {k: v for k, v in spec.items() if k != "volumeName"})
        yield (
            f"Replace claim {ref.name}, which is not bound, by one of class {found[0]}",
            ReplaceObject(ref, json.dumps(body, sort_keys=True)),
            Risk.MEDIUM,
            BACK,
            "The claim is bound, and its pods start.",
        )


def missing(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let a workload mount the claim of nearly the name, else make the claim of a volume that was kept."""
    names = case.snapshot.names("PersistentVolumeClaim", ref.namespace)
    taken = {
        str(dig(v, "persistentVolumeClaim.claimName"))
        for w in case.snapshot.workloads
        for v in pod_spec(w).get("volumes") or []
        if ref_of(w) != ref
    }
    for index, volume in enumerate(case.snapshot.spec(ref).get("volumes") or []):
        name = str(dig(volume, "persistentVolumeClaim.claimName", "") or "")
        if not name or name in names:
            continue
        free = [n for n in names if n not in taken]
        near = difflib.get_close_matches(name, free, 1, _NEAR)
        if near:
            yield (
                f"Let {ref.kind} {ref.name} mount claim {near[0]} in place of {name}",
                SetField(ref, f"{POD}/volumes/{index}/persistentVolumeClaim/claimName", json.dumps(near[0])),
                Risk.LOW,
                BACK,
                READY,
            )  # fmt: skip
            continue
        yield from _again(case, ObjectRef("PersistentVolumeClaim", ref.namespace, name))


def _again(case: Case, ref: ObjectRef) -> Iterator[Row]:
    """Make a deleted claim again for the volume that still bears its name."""
    for volume in case.snapshot.of("PersistentVolume"):
        holder = dig(volume, "spec.claimRef", {}) or {}
        if (holder.get("namespace"), holder.get("name")) != (ref.namespace, ref.name):
            continue
        spec: Json = {
            "accessModes": dig(volume, "spec.accessModes", []),
            "resources": {"requests": {"storage": dig(volume, "spec.capacity.storage")}},
            "storageClassName": dig(volume, "spec.storageClassName", ""),
        }
        body = _claim({"name": ref.name, "namespace": ref.namespace}, spec)
        create = CreateObject(ref, json.dumps(body, sort_keys=True))
        steps: list[Single] = [SetField(ref_of(volume), _FREED)] if holder.get("uid") else []
        yield (
            f"Create claim {ref.name} again for the volume {name_of(volume)}, which kept its data",
            Several(create.object, (*steps, create)) if steps else create,
            Risk.MEDIUM,
            "Delete the claim again.",
            _BOUND,
        )
