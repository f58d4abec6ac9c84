"""The default scheduler: places pods on nodes, or says in its own words why it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from connectors.api.values import Json
from eval.environments.emulator.cluster.affinity import PodAffinity
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.objects import (
    Key,
    controller_of,
    finished,
    key_of,
    labels_of,
    terminating,
)
from eval.environments.emulator.cluster.quantity import pod_requests, quantity
from eval.environments.emulator.cluster.selectors import requirement
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "default-scheduler"
_FLUSH_SECONDS = 300.0


class Scheduler:
    """Binds pending pods. Unschedulable ones are tried again when the cluster changes."""

    watches = ("Pod", "Node", "PersistentVolumeClaim", "PersistentVolume", "StorageClass")

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: dict[Key, str] = {}

    def affected(self, change: Change) -> Iterable[Key]:
        """Pods without a node; those that waited, when something that matters to them changed."""
        if change.kind == "Pod":
            if change.new is None:
                self._waiting.pop(key_of(change.last), None)
                return list(self._waiting)
            if not change.new["spec"].get("nodeName"):
                if change.old is None or change.old["spec"] != change.new["spec"]:
                    return [key_of(change.new)]
                return ()
            if finished(change.new) and change.old is not None and not finished(change.old):
                return list(self._waiting)
            return ()
        if change.kind == "Node" and change.old is not None and change.new is not None:
            same = (
                change.old["spec"] == change.new["spec"]
                and labels_of(change.old) == labels_of(change.new)
                and change.old["status"].get("allocatable")
                == change.new["status"].get("allocatable")
            )
            if same:
                return ()
        return list(self._waiting)

    def reconcile(self, key: Key) -> None:
        """Bind the pod, or record that it does not fit."""
        pod = self._world.store.get("Pod", *key)
        if pod is None or pod["spec"].get("nodeName") or terminating(pod) or finished(pod):
            self._waiting.pop(key, None)
            return
        if pod["spec"].get("schedulerName", SOURCE) != SOURCE:
            return
        nodes = self._world.store.all("Node")
        claims = self._claims(pod)
        if claims:
            self._refuse(pod, f"{claims}.", [True] * len(nodes))
            return
        reasons: Counter[str] = Counter()
        unhelpful: list[bool] = []
        fitting: list[Json] = []
        affinity = PodAffinity(self._world.store, pod)
        usage = self._usage()
        for node in nodes:
            why, final = self._filter(pod, node, usage, affinity)
            if why:
                reasons.update(why)
                unhelpful.append(final)
            else:
                fitting.append(node)
        if fitting:
            self._bind(pod, min(fitting, key=lambda node: self._score(pod, node, usage)))
            return
        if not nodes:
            self._refuse(pod, "", [], empty=True)
            return
        listed = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
        self._refuse(pod, f"{listed}.", unhelpful)

    def _filter(
        self, pod: Json, node: Json, usage: dict[str, list[Json]], affinity: PodAffinity
    ) -> tuple[list[str], bool]:
        """Return why a node does not fit, and whether evicting other pods could not help."""
        spec, name = node["spec"], node["metadata"]["name"]
        tolerations = pod["spec"].get("tolerations") or []
        if spec.get("unschedulable") and not _tolerates(
            tolerations, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        ):
            return ["node(s) were unschedulable"], True
        for taint in spec.get("taints") or ():
            if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerates(
                tolerations, taint
            ):
                shown = f"{{{taint['key']}: {taint.get('value', '')}}}"
                return [f"node(s) had untolerated taint {shown}"], True
        if not node_matches(pod, node):
            return ["node(s) didn't match Pod's node affinity/selector"], True
        here = usage.get(name, [])
        wanted = _host_ports(pod)
        if wanted and any(wanted & _host_ports(other) for other in here):
            return ["node(s) didn't have free ports for the requested pod ports"], False
        short = self._short(pod, node, here)
        if short:
            return [why for why, _ in short], all(final for _, final in short)
        conflict = self._volumes(pod, node)
        if conflict:
            return [conflict], True
        apart = affinity.refusal(node)
        return (
            ([apart], apart.startswith("node(s) didn't match pod affinity"))
            if apart
            else ([], False)
        )

    def _short(self, pod: Json, node: Json, here: list[Json]) -> list[tuple[str, bool]]:
        allocatable = node["status"]["allocatable"]
        found: list[tuple[str, bool]] = []
        if len(here) + 1 > quantity(allocatable.get("pods", "110")):
            found.append(("Too many pods", False))
        used: dict[str, Decimal] = {}
        for other in here:
            for name, amount in pod_requests(other).items():
                used[name] = used.get(name, Decimal(0)) + amount
        for name, amount in sorted(pod_requests(pod).items()):
            have = quantity(allocatable.get(name, "0"))
            if amount > 0 and used.get(name, Decimal(0)) + amount > have:
                found.append((f"Insufficient {name}", amount > have))
        return found

    def _claims(self, pod: Json) -> str:
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or ():
            source = volume.get("persistentVolumeClaim")
            if source is None:
                continue
            name = source["claimName"]
            claim = self._world.store.get("PersistentVolumeClaim", namespace, name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if terminating(claim):
                return f'persistentvolumeclaim "{name}" is being deleted'
            if (claim.get("status") or {}).get("phase") != "Bound" and not self._waits(claim):
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _waits(self, claim: Json) -> bool:
        """Whether the claim's class binds at scheduling time."""
        name = claim["spec"].get("storageClassName") or ""
        found = self._world.store.get("StorageClass", "", name)
        return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"

    def _volumes(self, pod: Json, node: Json) -> str:
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or ():
            source = volume.get("persistentVolumeClaim")
            claim = source and self._world.store.get(
                "PersistentVolumeClaim", namespace, source["claimName"]
            )
            bound = claim and self._world.store.get(
                "PersistentVolume", "", claim["spec"].get("volumeName", "")
            )
            required = bound and (bound["spec"].get("nodeAffinity") or {}).get("required")
            if required and not _terms_match(required.get("nodeSelectorTerms") or (), node):
                return "node(s) had volume node affinity conflict"
        return ""

    def _usage(self) -> dict[str, list[Json]]:
        usage: dict[str, list[Json]] = {}
        for pod in self._world.store.all("Pod"):
            node = pod["spec"].get("nodeName")
            if node and not finished(pod):
                usage.setdefault(node, []).append(pod)
        return usage

    def _score(self, pod: Json, node: Json, usage: dict[str, list[Json]]) -> tuple[int, float, str]:
        """Prefer nodes with fewer siblings, then the least allocated (lower is better)."""
        owner = controller_of(pod)
        here = usage.get(node["metadata"]["name"], [])
        siblings = 0
        if owner is not None:
            siblings = sum((controller_of(p) or {}).get("uid") == owner["uid"] for p in here)
        share = 0.0
        for name in ("cpu", "memory"):
            asked = sum(float(pod_requests(other).get(name, 0)) for other in here)
            share += asked / max(1e-9, float(quantity(node["status"]["allocatable"].get(name, 1))))
        return siblings, share + len(here) / 110, node["metadata"]["name"]

    def _bind(self, pod: Json, node: Json) -> None:
        world, key, name = self._world, key_of(pod), node["metadata"]["name"]
        self._waiting.pop(key, None)

        def change(new: Json) -> None:
            new["spec"]["nodeName"] = name
            status = new["status"]
            status["conditions"] = set_condition(
                status.get("conditions") or (), "PodScheduled", True, world.clock.now(), probed=True
            )

        bound = world.store.edit("Pod", key, change)
        if bound is not None:
            message = f"Successfully assigned {key[0]}/{key[1]} to {name}"
            world.events.note(
                bound, "Normal", "Scheduled", message, source=SOURCE, action="Binding"
            )

    def _refuse(self, pod: Json, why: str, unhelpful: list[bool], empty: bool = False) -> None:
        world, key = self._world, key_of(pod)
        if empty:
            message = "no nodes available to schedule pods"
        else:
            total = len(unhelpful)
            never = sum(unhelpful)
            parts = []
            if total - never:
                parts.append(f"{total - never} No preemption victims found for incoming pod")
            if never:
                parts.append(f"{never} Preemption is not helpful for scheduling")
            preemption = ", ".join(sorted(parts))
            message = (
                f"0/{total} nodes are available: {why}"
                f" preemption: 0/{total} nodes are available: {preemption}."
            )
        fresh = self._waiting.get(key) != message
        self._waiting[key] = message
        status = pod["status"]
        conditions = set_condition(
            status.get("conditions") or (),
            "PodScheduled",
            False,
            world.clock.now(),
            reason="Unschedulable",
            message=message,
            probed=True,
        )
        world.store.set_status(pod, {**status, "conditions": conditions})
        if fresh:
            self._record(key, pod["metadata"]["uid"], message)

    def _record(self, key: Key, uid: str, message: str) -> None:
        """Record the failure now, and again each time the scheduler flushes its queue."""
        pod = self._world.store.get("Pod", *key)
        if pod is None or pod["metadata"]["uid"] != uid or self._waiting.get(key) != message:
            return
        self._world.events.note(
            pod, "Warning", "FailedScheduling", message, source=SOURCE, action="Scheduling"
        )
        self._world.manager.at(_FLUSH_SECONDS, lambda: self._record(key, uid, message))


def node_matches(pod: Json, node: Json) -> bool:
    """Whether the node has the pod's nodeSelector and required node affinity."""
    labels = labels_of(node)
    for name, value in (pod["spec"].get("nodeSelector") or {}).items():
        if labels.get(name) != value:
            return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or _terms_match(required.get("nodeSelectorTerms") or (), node)


def tolerated(
    pod: Json, node: Json, effects: tuple[str, ...] = ("NoSchedule", "NoExecute")
) -> bool:
    """Whether the pod tolerates all of the node's taints of these effects."""
    tolerations = pod["spec"].get("tolerations") or []
    return all(
        taint.get("effect") not in effects or _tolerates(tolerations, taint)
        for taint in node["spec"].get("taints") or ()
    )


def _terms_match(terms: Iterable[Json], node: Json) -> bool:
    names = {"metadata.name": node["metadata"]["name"]}
    for term in terms:
        expressions = term.get("matchExpressions") or ()
        fields = term.get("matchFields") or ()
        if not expressions and not fields:
            continue
        if all(requirement(item, labels_of(node)) for item in expressions) and all(
            requirement(item, names) for item in fields
        ):
            return True
    return False


def _tolerates(tolerations: Iterable[Json], taint: Json) -> bool:
    for item in tolerations:
        if item.get("effect") and item["effect"] != taint.get("effect"):
            continue
        if item.get("key") and item["key"] != taint.get("key"):
            continue
        if item.get("operator") == "Exists":
            return True
        if item.get("key") and item.get("value", "") == taint.get("value", ""):
            return True
    return False


def _host_ports(pod: Json) -> set[tuple[int, str]]:
    return {
        (port["hostPort"], port.get("protocol", "TCP"))
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }
