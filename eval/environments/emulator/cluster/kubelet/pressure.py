"""What programs use against what they may: OOM kills, and evictions from nodes under pressure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.hosts import Hosts
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.kubelet.heartbeat import say, set_node_condition
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState, PodState
from eval.environments.emulator.cluster.objects import is_true
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Used

_CHECK_SECONDS = 10.0
_RELIEF = timedelta(minutes=5)
_CRITICAL = 2_000_000_000
_MIB = 1024**2
_MEMORY_THRESHOLD = 100 * _MIB
_DISK_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Signal:
    """One eviction signal: its resource, its condition and the words for both states."""

    resource: str
    condition: str
    bad: tuple[str, str, str]
    good: tuple[str, str, str]


_MEMORY = Signal(
    "memory",
    "MemoryPressure",
    (
        "KubeletHasInsufficientMemory",
        "kubelet has insufficient memory available",
        "NodeHasInsufficientMemory",
    ),
    (
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
        "NodeHasSufficientMemory",
    ),
)
_DISK = Signal(
    "ephemeral-storage",
    "DiskPressure",
    ("KubeletHasDiskPressure", "kubelet has disk pressure", "NodeHasDiskPressure"),
    ("KubeletHasNoDiskPressure", "kubelet has no disk pressure", "NodeHasNoDiskPressure"),
)
_Uses = list[tuple[PodState, Json, dict[str, Used]]]


class Pressure:
    """Compares use and limits every ten seconds, on every node whose kubelet runs."""

    def __init__(self, world: World, hosts: Hosts, kubelets: Kubelets) -> None:
        self._world = world
        self._hosts = hosts
        self._kubelets = kubelets
        self._relieved: dict[tuple[str, str], datetime] = {}
        world.clock.call_later(_CHECK_SECONDS, self._check)

    def _check(self) -> None:
        self._world.clock.call_later(_CHECK_SECONDS, self._check)
        for node in self._world.store.all("Node"):
            name = node["metadata"]["name"]
            if not self._hosts.reports(name):
                continue
            uses = self._uses(name) if self._world.software.metered else []
            memory = sum(used.memory for _, _, parts in uses for used in parts.values())
            disk = sum(used.disk for _, _, parts in uses for used in parts.values())
            capacity = node["status"]["capacity"]
            host = self._hosts[name]
            total = float(quantity(capacity.get("memory", 0)))
            self._judge(name, _MEMORY, total - host.memory - memory, _MEMORY_THRESHOLD, uses)
            total = float(quantity(capacity.get("ephemeral-storage", 0)))
            self._judge(name, _DISK, total - host.disk - disk, total * _DISK_SHARE, uses)
        self._world.manager.settle()

    def _uses(self, node: str) -> _Uses:
        """Return what the pods of a node use; kill and evict who uses more than it may."""
        found: _Uses = []
        usage = self._world.software.usage
        for state in list(self._kubelets.on_node(node)):
            pod = self._world.store.get("Pod", *state.key)
            if pod is None or not state.active:
                continue
            parts: dict[str, Used] = {}
            for item in state.containers:
                if not item.running:
                    continue
                used = usage(pod, item.name)
                if used is None:
                    continue
                limits = (item.spec.get("resources") or {}).get("limits") or {}
                if "memory" in limits and used.memory > float(quantity(limits["memory"])):
                    self._kubelets.end_run(state.uid, item.name, 137, True)
                    continue
                parts[item.name] = used
                if used.disk and self._too_much_disk(state, pod, item, limits, used):
                    break
            found.append((state, pod, parts))
        return found

    def _too_much_disk(
        self, state: PodState, pod: Json, item: ContainerState, limits: Json, used: Used
    ) -> bool:
        limit = limits.get("ephemeral-storage")
        text = ""
        if limit is not None and used.disk > float(quantity(limit)):
            text = f'Container {item.name} exceeded its local ephemeral storage limit "{limit}". '
        for volume in pod["spec"].get("volumes") or ():
            size = (volume.get("emptyDir") or {}).get("sizeLimit")
            mounts = {mount["name"] for mount in item.spec.get("volumeMounts") or ()}
            if size and volume["name"] in mounts and used.disk > float(quantity(size)):
                text = f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{size}". '
        if text:
            self._evict(state, pod, text)
        return bool(text)

    def _judge(
        self, node: str, signal: Signal, available: float, threshold: float, uses: _Uses
    ) -> None:
        current = self._world.store.get("Node", "", node)
        if current is None:
            return
        under = is_true(current, signal.condition)
        key, now = (node, signal.condition), self._world.clock.now()
        if available >= threshold:
            if under and now - self._relieved.setdefault(key, now) >= _RELIEF:
                self._relieved.pop(key)
                self._set(node, signal, bad=False)
            return
        self._relieved.pop(key, None)
        if not under:
            text = f"Attempting to reclaim {signal.resource}"
            say(self._world, current, "Warning", "EvictionThresholdMet", text)
            self._set(node, signal, bad=True)
        self._reclaim(signal, available, threshold, uses)

    def _set(self, node: str, signal: Signal, *, bad: bool) -> None:
        reason, message, event = signal.bad if bad else signal.good
        changed = set_node_condition(self._world, node, signal.condition, bad, reason, message)
        if changed is not None:
            text = f"Node {node} status is now: {event}"
            say(self._world, changed, "Normal", event, text)

    def _reclaim(self, signal: Signal, available: float, threshold: float, uses: _Uses) -> None:
        """Evict the pod that uses most beyond its requests; the least important first."""
        best: tuple[tuple[bool, int, float], PodState, Json, dict[str, Used]] | None = None
        for state, pod, parts in uses:
            priority = int(pod["spec"].get("priority") or 0)
            if not state.active or priority >= _CRITICAL:
                continue
            used = sum(_amount(signal, part) for part in parts.values())
            over = used - sum(_request(state, name, signal) for name in parts)
            rank = (over <= 0, priority, -over)
            if best is None or rank < best[0]:
                best = (rank, state, pod, parts)
        if best is None:
            return
        _, state, pod, parts = best
        text = (
            f"The node was low on resource: {signal.resource}. Threshold quantity:"
            f" {_bytes(threshold)}, available: {_bytes(available)}. "
        )
        for name, part in parts.items():
            used, request = _amount(signal, part), _request(state, name, signal)
            if used > request:
                shown = _asked(state, name, signal)
                text += (
                    f"Container {name} was using {_bytes(used)}, request is {shown},"
                    f" has larger consumption of {signal.resource}. "
                )
        self._evict(state, pod, text)

    def _evict(self, state: PodState, pod: Json, text: str) -> None:
        self._world.events.record(
            pod, "Warning", "Evicted", text, source="kubelet", host=state.node
        )
        self._kubelets.fail(state, "Evicted", text)


def _amount(signal: Signal, used: Used) -> float:
    return used.memory if signal is _MEMORY else used.disk


def _asked(state: PodState, name: str, signal: Signal) -> str:
    item = state.container(name)
    requests = {} if item is None else (item.spec.get("resources") or {}).get("requests") or {}
    return str(requests.get(signal.resource, "0"))


def _request(state: PodState, name: str, signal: Signal) -> float:
    return float(quantity(_asked(state, name, signal)))


def _bytes(amount: float) -> str:
    """Write bytes as the kubelet's quantities are: whole kibibytes, or mebibytes if even."""
    kib = max(0, int(amount // 1024))
    return f"{kib // 1024}Mi" if kib and kib % 1024 == 0 else f"{kib}Ki"
