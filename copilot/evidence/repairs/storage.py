"""Claims that find no volume: freeing the volume that was theirs, asking for what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import dig, quantity, ref_of
from copilot.evidence.repairs.common import BACK, Facts, Row
from copilot.model.action import ReplaceObject, Risk, SetField, Several, Single
from copilot.model.scope import ObjectRef

_FREED = "/spec/claimRef/uid"
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
            size = dig(volume, "spec.capacity.storage")
            titles.append(f"replace claim {ref.name}, which is not bound, by one of {size}")
        if holder.get("uid") and holder["uid"] != dig(wanted, "metadata.uid"):
            steps.append(SetField(ref_of(volume), _FREED))
            titles.append(f"free volume {volume['metadata']['name']} for claim {ref.name}")
        if steps:
            title = " and ".join(titles)
            action = steps[0] if len(steps) == 1 else Several(steps[0].object, tuple(steps))
            yield title[0].upper() + title[1:], action, Risk.MEDIUM, BACK, _BOUND


def _fitting(wanted: Json, volume: Json) -> Json | None:
    """Return the claim as one that the volume can fulfil; None where it does already."""
    size = str(dig(volume, "spec.capacity.storage", "") or "")
    asked, there = quantity(dig(wanted, "spec.resources.requests.storage")), quantity(size)
    if asked is None or there is None or asked <= there:
        return None
    spec = {**wanted["spec"], "resources": {"requests": {"storage": size}}}
    meta = wanted["metadata"]
    kept = {k: meta[k] for k in ("name", "namespace", "labels") if k in meta}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": kept,
        "spec": {k: v for k, v in spec.items() if k != "volumeName"},
    }
