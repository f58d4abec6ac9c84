"""What a pod's claims mean for where it may run."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.api.values import Json
from eval.environments.emulator.cluster.index import Index, claims_of
from eval.environments.emulator.cluster.objects import finished, terminating
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.scheduling.taints import terms_match
from eval.environments.emulator.cluster.store import Store

SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
_CONFLICT = "node(s) had volume node affinity conflict"
_NONE_AVAILABLE = "node(s) didn't find available persistent volumes to bind"
_LOST = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
_EXCLUSIVE = (
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
)


@dataclass(slots=True)
class Claims:
    """A pod's claims. `problem` keeps it off every node; `open` bind once a node is chosen."""

    problem: str = ""
    bound: list[Json] = field(default_factory=list)
    lost: bool = False
    exclusive: bool = False
    open: list[Json] = field(default_factory=list)


def claims(store: Store, index: Index, pod: Json) -> Claims:
    """Look at the claims of a pod."""
    found = Claims()
    namespace = pod["metadata"]["namespace"]
    for name in claims_of(pod):
        claim = store.get("PersistentVolumeClaim", namespace, name)
        if claim is None:
            return Claims(problem=f'persistentvolumeclaim "{name}" not found')
        if terminating(claim):
            return Claims(problem=f'persistentvolumeclaim "{name}" is being deleted')
        phase = (claim.get("status") or {}).get("phase")
        if phase == "Lost":
            volume = claim["spec"].get("volumeName", "")
            return Claims(
                problem=f'persistentvolumeclaim "{name}" bound to non-existent'
                f' persistentvolume "{volume}"'
            )
        if phase == "Bound":
            volume = store.get("PersistentVolume", "", claim["spec"].get("volumeName", ""))
            if volume is None:
                found.lost = True
            else:
                found.bound.append(volume)
            if "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ()):
                users = index.using_claim(namespace, name)
                found.exclusive = found.exclusive or any(
                    user["metadata"]["uid"] != pod["metadata"]["uid"]
                    and user["spec"].get("nodeName")
                    and not finished(user)
                    for user in users
                )
        elif waits_for_consumer(store, claim):
            found.open.append(claim)
        else:
            return Claims(problem="pod has unbound immediate PersistentVolumeClaims")
    return found


def waits_for_consumer(store: Store, claim: Json) -> bool:
    """Whether the claim's class binds at scheduling time."""
    storage = store.get("StorageClass", "", claim["spec"].get("storageClassName") or "")
    return storage is not None and storage.get("volumeBindingMode") == "WaitForFirstConsumer"


def refusal(store: Store, found: Claims, node: Json) -> tuple[str, bool]:
    """Return why a node does not suit the claims, and whether evictions could not help."""
    if found.exclusive:
        return _EXCLUSIVE, False
    if found.lost:
        return _LOST, True
    for volume in found.bound:
        if not reaches(volume, node):
            return _CONFLICT, True
    for claim in found.open:
        if not _can_bind(store, claim, node):
            return _NONE_AVAILABLE, True
    return "", False


def reaches(volume: Json, node: Json) -> bool:
    """Whether the volume's node affinity allows the node."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return not required or terms_match(required.get("nodeSelectorTerms") or (), node)


def suits(volume: Json, claim: Json) -> bool:
    """Whether an available volume has what a claim asks for."""
    its, spec = volume["spec"], claim["spec"]
    reference = its.get("claimRef")
    own = claim["metadata"]
    if reference is not None and (
        (reference.get("namespace"), reference.get("name")) != (own["namespace"], own["name"])
        or reference.get("uid", own["uid"]) != own["uid"]
    ):
        return False
    if (volume.get("status") or {}).get("phase") in ("Released", "Failed") or terminating(volume):
        return False
    if spec.get("volumeName") and volume["metadata"]["name"] != spec["volumeName"]:
        return False
    if its.get("storageClassName", "") != (spec.get("storageClassName") or ""):
        return False
    if its.get("volumeMode", "Filesystem") != spec.get("volumeMode", "Filesystem"):
        return False
    if not set(spec.get("accessModes") or ()) <= set(its.get("accessModes") or ()):
        return False
    wanted = ((spec.get("resources") or {}).get("requests") or {}).get("storage", 0)
    return quantity((its.get("capacity") or {}).get("storage", 0)) >= quantity(wanted)


def _can_bind(store: Store, claim: Json, node: Json) -> bool:
    name = claim["spec"].get("storageClassName") or ""
    chosen = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE)
    if chosen is not None:
        return bool(chosen == node["metadata"]["name"])
    if any(
        suits(volume, claim) and reaches(volume, node) for volume in store.all("PersistentVolume")
    ):
        return True
    storage = store.get("StorageClass", "", name) or {}
    if storage.get("provisioner") == NO_PROVISIONER:
        return False
    topologies = storage.get("allowedTopologies") or ()
    terms = [{"matchExpressions": _expressions(item)} for item in topologies]
    return not terms or terms_match(terms, node)


def _expressions(topology: Json) -> list[Json]:
    return [
        {"key": item["key"], "operator": "In", "values": item.get("values") or []}
        for item in topology.get("matchLabelExpressions") or ()
    ]
