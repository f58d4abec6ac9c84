"""The default scheduler: places pods on nodes, or says in its own words why it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.objects import (
    Key,
    clone,
    finished,
    key_of,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.scheduling import preemption, volumes
from eval.environments.emulator.cluster.scheduling.filters import Demand, Fixed, Verdict
from eval.environments.emulator.cluster.scheduling.nodes import NodeInfo, NodeTable, matters
from eval.environments.emulator.cluster.scheduling.score import Preferences
from eval.environments.emulator.cluster.scheduling.words import refusal_text
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "default-scheduler"
_FLUSH_SECONDS, _FLUSH_SECONDS_1_20 = 300.0, 60.0
_BIND_TIMEOUT = 600.0


class Scheduler:
    """Binds pending pods. Unschedulable ones are tried again when the cluster changes."""

    watches = ("Pod", "Node", "PersistentVolumeClaim", "PersistentVolume", "StorageClass")

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: dict[Key, str] = {}
        self._chosen: dict[Key, tuple[str, str]] = {}
        self._nominated: dict[Key, str] = {}
        self._legacy = world.registry.catalog.version.legacy
        self._table = NodeTable(world.store)
        self._fixed = Fixed(self._table)

    def affected(self, change: Change) -> Iterable[Key]:
        """Pods without a node; those that waited, when something that matters to them changed."""
        if change.kind == "Pod":
            return self._of_pod(change)
        if (
            change.kind == "Node"
            and change.old is not None
            and change.new is not None
            and not matters(change.old, change.new)
        ):
            return ()
        return [*self._chosen, *self._waiting]

    def _of_pod(self, change: Change) -> Iterable[Key]:
        old, new = change.old, change.new
        if new is None:
            self._forget(key_of(change.last))
            return list(self._waiting)
        if not new["spec"].get("nodeName"):
            fresh = old is None or (old["spec"] is not new["spec"] and old["spec"] != new["spec"])
            return (key_of(new),) if fresh else ()
        if old is not None and finished(new) and not finished(old):
            return list(self._waiting)
        return ()

    def reconcile(self, key: Key) -> None:
        """Bind the pod, or record that it does not fit."""
        pod = self._world.store.get("Pod", *key)
        if pod is None or pod["spec"].get("nodeName") or terminating(pod) or finished(pod):
            self._forget(key)
            return
        if pod["spec"].get("schedulerName", SOURCE) != SOURCE:
            return
        if pod["spec"].get("schedulingGates"):
            text = "Scheduling is blocked due to non-empty scheduling gates"
            self._condition(pod, "SchedulingGated", text)
            return
        if key in self._chosen and self._goes_on(key, pod):
            return
        self._place(key, pod)

    def _place(self, key: Key, pod: Json) -> None:
        demand = Demand(self._world.store, self._world.index, self._table, pod)
        infos = self._table.infos
        if demand.claims.problem:
            hopeless: dict[str, Verdict] = dict.fromkeys(infos, ((), True))
            self._refuse(pod, hopeless, common=demand.claims.problem)
            return
        verdicts, fitting = self._judge(key, demand)
        if not fitting:
            self._fail(key, demand, verdicts)
            return
        nominated = self._nominated.get(key)
        wishes = Preferences(pod, self._table, self._world.index)
        owner = demand.held.owner
        best = next((info for info in fitting if info.name == nominated), None) or min(
            fitting, key=lambda info: wishes.score(info, owner)
        )
        if demand.claims.open:
            self._choose(key, pod, best, demand.claims.open)
        else:
            self._bind(pod, best.name)

    def _judge(self, key: Key, demand: Demand) -> tuple[dict[str, Verdict], list[NodeInfo]]:
        verdicts: dict[str, Verdict] = {}
        fitting: list[NodeInfo] = []
        fixed = self._fixed.verdicts(demand.pod)
        promised = {name for other, name in self._nominated.items() if other != key}
        promised.update(name for other, (_, name) in self._chosen.items() if other != key)
        for name, info in self._table.infos.items():
            verdict = fixed[name]
            if not verdict[0]:
                if name in promised:
                    info = self._with_promised(key, demand.pod, info)
                verdict = demand.verdict(info)
                if not verdict[0]:
                    fitting.append(info)
            verdicts[name] = verdict
        return verdicts, fitting

    def _with_promised(self, key: Key, pod: Json, info: NodeInfo) -> NodeInfo:
        """Count pods in that are as good as on the node."""
        trial, own = info.copy(), preemption.priority(pod)
        for other, name in (
            *self._nominated.items(),
            *((other, name) for other, (_, name) in self._chosen.items()),
        ):
            waiting = self._world.store.get("Pod", *other)
            if other == key or name != info.name or waiting is None:
                continue
            if preemption.priority(waiting) >= own and uid_of(waiting) not in trial.pods:
                trial.add(Demand(self._world.store, self._world.index, self._table, waiting).held)
        return trial

    def _choose(self, key: Key, pod: Json, info: NodeInfo, claims: list[Json]) -> None:
        """Ask for the pod's volumes on a node; it is bound there when they are."""
        store, uid = self._world.store, uid_of(pod)
        self._waiting.pop(key, None)
        self._chosen[key] = (uid, info.name)
        for claim in claims:
            volume = next(
                (
                    item
                    for item in store.all("PersistentVolume")
                    if volumes.suits(item, claim) and volumes.reaches(item, info.node)
                ),
                None,
            )
            if volume is not None:
                reference = {
                    "kind": "PersistentVolumeClaim",
                    "apiVersion": "v1",
                    "namespace": claim["metadata"]["namespace"],
                    "name": claim["metadata"]["name"],
                    "uid": uid_of(claim),
                }
                spec = {**volume["spec"], "claimRef": reference}
                store.put({**volume, "metadata": dict(volume["metadata"]), "spec": spec})
                continue
            new = clone(claim)
            new["metadata"].setdefault("annotations", {})[volumes.SELECTED_NODE] = info.name
            store.put(new)
        self._world.manager.at(_BIND_TIMEOUT, lambda: self._give_up(key, uid))

    def _goes_on(self, key: Key, pod: Json) -> bool:
        """Bind a pod whose volumes are there; False: its node or its claims have changed."""
        uid, name = self._chosen[key]
        info = self._table.infos.get(name)
        found = volumes.claims(self._world.store, self._world.index, pod)
        if uid != uid_of(pod) or info is None or found.problem:
            del self._chosen[key]
            return False
        if not found.open:
            self._bind(pod, name)
        return True

    def _give_up(self, key: Key, uid: str) -> None:
        pod = self._world.store.get("Pod", *key)
        if self._chosen.get(key, ("", ""))[0] != uid or pod is None:
            return
        del self._chosen[key]
        text = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
        self._say(pod, text)
        self._world.manager.enqueue(self, key)

    def _bind(self, pod: Json, name: str) -> None:
        world, key = self._world, key_of(pod)
        self._forget(key)
        status = dict(pod["status"])
        status.pop("nominatedNodeName", None)
        status["conditions"] = set_condition(
            status.get("conditions") or (), "PodScheduled", True, world.clock.now(), probed=True
        )
        spec = {**pod["spec"], "nodeName": name}
        bound = world.store.put(
            {**pod, "metadata": dict(pod["metadata"]), "spec": spec, "status": status}
        )
        message = f"Successfully assigned {key[0]}/{key[1]} to {name}"
        world.events.note(bound, "Normal", "Scheduled", message, source=SOURCE, action="Binding")

    def _fail(self, key: Key, demand: Demand, verdicts: Mapping[str, Verdict]) -> None:
        """Make room for the pod if it may, and say why it waits."""
        pod, infos = demand.pod, self._table.infos
        if pod["spec"].get("preemptionPolicy") == "Never":
            self._refuse(pod, verdicts, preempts=preemption.NEVER)
            return
        nominated = self._nominated.get(key)
        if nominated in infos and any(
            terminating(held.pod) and preemption.priority(held.pod) < preemption.priority(pod)
            for held in infos[nominated].pods.values()
        ):
            self._refuse(pod, verdicts, preempts=preemption.BUSY)
            return
        plan = preemption.best_plan(self._world.store, demand, infos.values(), verdicts)
        if plan is None:
            if self._nominated.pop(key, None) is not None:
                self._nominate(key, "")
            self._refuse(pod, verdicts)
            return
        self._nominated[key] = plan.node
        self._refuse(pod, verdicts, preempts="-")
        self._nominate(key, plan.node)
        for victim in plan.victims:
            self._evict(victim, pod, plan.node)

    def _nominate(self, key: Key, node: str) -> None:
        pod = self._world.store.get("Pod", *key)
        if pod is None:
            return
        status = {k: v for k, v in pod["status"].items() if k != "nominatedNodeName"}
        if node:
            status["nominatedNodeName"] = node
        self._world.store.set_status(pod, status)

    def _evict(self, victim: Json, pod: Json, node: str) -> None:
        world = self._world
        if terminating(victim):
            return
        conditions = set_condition(
            victim["status"].get("conditions") or (),
            "DisruptionTarget",
            True,
            world.clock.now(),
            reason="PreemptionByScheduler",
            message=f"{SOURCE}: preempting to accommodate a higher priority pod",
            probed=True,
        )
        world.store.set_status(victim, {**victim["status"], "conditions": conditions})
        world.registry.delete(BY_KIND["Pod"], *key_of(victim))
        text = f"Preempted by pod {uid_of(pod)} on node {node}"
        world.events.note(victim, "Normal", "Preempted", text, source=SOURCE, action="Preempting")

    def _refuse(
        self, pod: Json, verdicts: Mapping[str, Verdict], *, common: str = "", preempts: str = ""
    ) -> None:
        key = key_of(pod)
        reasons: Counter[str] = Counter()
        for why, _ in verdicts.values():
            reasons.update(why)
        message = refusal_text(
            len(verdicts), reasons, sum(final for _, final in verdicts.values()), common, preempts
        )
        fresh = self._waiting.get(key) != message
        self._waiting[key] = message
        if fresh:
            self._say(pod, message)
        self._condition(pod, "Unschedulable", message)
        if not fresh:
            return
        if self._legacy:
            # 1.20 took its own change of the status for a reason to try again at once
            self._say(self._world.store.get("Pod", *key) or pod, message)
        self._repeat_later(key, uid_of(pod), message)

    def _condition(self, pod: Json, reason: str, message: str) -> None:
        status = pod["status"]
        conditions = set_condition(
            status.get("conditions") or (),
            "PodScheduled",
            False,
            self._world.clock.now(),
            reason=reason,
            message=message,
            probed=True,
        )
        self._world.store.set_status(pod, {**status, "conditions": conditions})

    def _say(self, pod: Json, message: str) -> None:
        self._world.events.note(
            pod, "Warning", "FailedScheduling", message, source=SOURCE, action="Scheduling"
        )

    def _repeat_later(self, key: Key, uid: str, message: str) -> None:
        """Say it again each time the scheduler flushes its queue."""

        def repeat() -> None:
            pod = self._world.store.get("Pod", *key)
            if pod is None or uid_of(pod) != uid or self._waiting.get(key) != message:
                return
            self._say(pod, message)
            self._repeat_later(key, uid, message)

        seconds = _FLUSH_SECONDS_1_20 if self._legacy else _FLUSH_SECONDS
        self._world.manager.at(seconds, repeat)

    def _forget(self, key: Key) -> None:
        self._waiting.pop(key, None)
        self._chosen.pop(key, None)
        self._nominated.pop(key, None)
