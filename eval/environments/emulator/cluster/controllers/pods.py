"""What all workload controllers do with pods: make, adopt, delete, judge and rank them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import (
    clone,
    condition,
    controller_of,
    is_true,
    key_of,
    labels_of,
    owner_reference,
    parse_time,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.world import World


def sources(kind: str) -> str:
    """Return the component that speaks for a kind in Events."""
    return f"{kind.lower()}-controller"


def owned_pods(world: World, owner: Json) -> list[Json]:
    """Return the pods the owner controls, oldest first."""
    uid = uid_of(owner)
    pods = world.store.owned(uid, "Pod")
    return [pod for pod in pods if (controller_of(pod) or {}).get("uid") == uid]


def claim_pods(world: World, owner: Json) -> list[Json]:
    """Adopt matching orphans, release pods that match no more, and return the owned ones."""
    selector = owner["spec"].get("selector")
    if owner["kind"] == "ReplicationController":
        selector = {"matchLabels": selector or {}}
    uid = uid_of(owner)
    kept: list[Json] = []
    for pod in owned_pods(world, owner):
        if selector_matches(selector, labels_of(pod)) or terminating(pod):
            kept.append(pod)
        else:
            references = [r for r in pod["metadata"]["ownerReferences"] if r["uid"] != uid]
            _own(world, pod, references)
    if terminating(owner):
        return kept
    for pod in world.store.orphans("Pod", owner["metadata"]["namespace"]):
        if not terminating(pod) and selector_matches(selector, labels_of(pod)):
            references = [*(pod["metadata"].get("ownerReferences") or ()), owner_reference(owner)]
            kept.append(_own(world, pod, references))
    return kept


def _own(world: World, pod: Json, references: list[Json]) -> Json:
    def change(new: Json) -> None:
        new["metadata"]["ownerReferences"] = references

    return world.store.edit("Pod", key_of(pod), change) or pod


def create_pod(
    world: World,
    owner: Json,
    template: Json,
    *,
    name: str = "",
    prefix: str = "",
    labels: Mapping[str, str] | None = None,
    spec: Json | None = None,
) -> ApiError | None:
    """Create a pod from a template and say so in an Event; returns the refusal, if any.

    Without a `name` it gets a random one that begins with `prefix`, or else with the owner's name.
    """
    meta = template.get("metadata") or {}
    owner_name = owner["metadata"]["name"]
    body: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **(labels or {})},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": clone(spec or template["spec"]),
    }
    if meta.get("annotations"):
        body["metadata"]["annotations"] = dict(meta["annotations"])
    if name:
        body["metadata"]["name"] = name
    else:
        body["metadata"]["generateName"] = prefix or f"{owner_name}-"
    source = sources(owner["kind"])
    try:
        pod = world.registry.create(body)
    except ApiError as error:
        text = f"Error creating: {error.message}"
        if name:
            text = (
                f"create Pod {name} in {owner['kind']} {owner_name} failed error: {error.message}"
            )
        world.events.record(owner, "Warning", "FailedCreate", text, source=source)
        return error
    text = f"Created pod: {pod['metadata']['name']}"
    if name and owner["kind"] == "StatefulSet":
        text = f"create Pod {name} in StatefulSet {owner_name} successful"
    world.events.record(owner, "Normal", "SuccessfulCreate", text, source=source)
    return None


def delete_pod(world: World, owner: Json, pod: Json) -> None:
    """Delete a pod and say so in an Event."""
    name, owner_name = pod["metadata"]["name"], owner["metadata"]["name"]
    world.registry.delete(BY_KIND["Pod"], *key_of(pod))
    text = f"Deleted pod: {name}"
    if owner["kind"] == "StatefulSet":
        text = f"delete Pod {name} in StatefulSet {owner_name} successful"
    world.events.record(owner, "Normal", "SuccessfulDelete", text, source=sources(owner["kind"]))


def ready(pod: Json) -> bool:
    """Whether the pod's Ready condition is True."""
    return is_true(pod, "Ready")


def available_in(world: World, pod: Json, minimum: float) -> float | None:
    """Return 0 when the pod is available, the seconds until then, or None when not ready."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return None
    if not minimum:
        return 0.0
    since = parse_time(found["lastTransitionTime"])
    left = (since + timedelta(seconds=minimum) - world.clock.now()).total_seconds()
    return max(0.0, left)


def deletion_rank(pod: Json) -> tuple[int, int, int, int, float, int, float]:
    """Sort key: the pods that a ReplicaSet gives up first come first."""
    status = pod.get("status") or {}
    found = condition(pod, "Ready")
    is_ready = found is not None and found["status"] == "True"
    since = -parse_time(found["lastTransitionTime"]).timestamp() if found and is_ready else 0.0
    annotations = pod["metadata"].get("annotations") or {}
    cost = int(annotations.get("controller.kubernetes.io/pod-deletion-cost", 0))
    restarts = sum(item["restartCount"] for item in status.get("containerStatuses") or ())
    return (
        1 if pod["spec"].get("nodeName") else 0,
        {"Pending": 0, "Unknown": 1}.get(status.get("phase", ""), 2),
        int(is_ready),
        cost,
        since,
        -restarts,
        -parse_time(pod["metadata"]["creationTimestamp"]).timestamp(),
    )
