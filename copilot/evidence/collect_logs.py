"""Whose logs one investigation reads: the most suspicious pods first, within a number of calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connectors.api.errors import ConnectorError, SourceRejected
from connectors.api.protocols import ClusterReader
from connectors.api.values import Json
from copilot.evidence.kube import dig, name_of, namespace_of, ref_of, statuses
from copilot.evidence.loglines import ContainerLog, parse_log
from copilot.evidence.reads import Read
from copilot.evidence.snapshot import Snapshot, event_time
from copilot.evidence.topology import Topology
from copilot.evidence.wiring import Wiring
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef
from copilot.tools.redact import redact

_CALLS, _MANY_CALLS = 20, 60
_LARGE = 200
_LOG_TAIL = 1000
_NAMED = 20
_FAILING = 0.02

# From the most to the least suspicious.
_UNWELL, _WARNED, _CHANGED, _NEAR, _WELL, _DONE = range(6)


class LogReads:
    """Reads the logs of suspects and of a sample of the others; `logs` fills as the reads run.

    `unread` are the pods with a log that the plan left out.
    """

    def __init__(self, cluster: ClusterReader, snapshot: Snapshot) -> None:
        self._cluster = cluster
        self._snapshot = snapshot
        self.logs: list[ContainerLog] = []
        self.unread: tuple[ObjectRef, ...] = ()

    def plan(self, calls: int = 0) -> list[Read]:
        """Return at most `calls` reads (0: by the number of pods), the most suspicious pods first.

        Pods that are not ready or were restarted come first, then those with warning events, the
        recently changed, those that call or are called by failing ones, and one of each other workload.
        """
        with_log = [pod for pod in self._snapshot.of("Pod") if _has_log(pod)]
        calls = calls or (_CALLS if len(with_log) <= _LARGE else _MANY_CALLS)
        ranks = {id(pod): self._rank(pod) for pod in with_log}
        if len(with_log) > calls:
            ranks = self._with_neighbours(with_log, ranks)
        with_log.sort(key=lambda pod: (ranks[id(pod)], -_restarts(pod), name_of(pod)))
        found: list[Read] = []
        unread: list[ObjectRef] = []
        twins: list[ObjectRef] = []
        seen: set[object] = set()
        for pod in with_log:
            unwell, owner = ranks[id(pod)] == _UNWELL, self._snapshot.controller(pod)
            key = (owner, unwell, _revision(pod))
            known = key in seen or (owner, True, _revision(pod)) in seen
            reads = [] if known else self._of_pod(pod)[: calls - len(found)]
            if not reads:
                (twins if known else unread).append(ref_of(pod))
                continue
            seen.add(key)
            found += reads
        self.unread = (*unread, *twins)
        return found

    def _rank(self, pod: Json) -> int:
        if dig(pod, "status.phase") == "Succeeded":
            return _DONE
        if any(not s.get("ready") or dig(s, "lastState.terminated") for s in statuses(pod)):
            return _UNWELL
        if any(
            event.get("type") == "Warning" and self._snapshot.is_recent(event_time(event))
            for event in self._snapshot.pod_events(pod)
        ):
            return _WARNED
        return _CHANGED if self._snapshot.is_recent_object(pod) else _WELL

    def _with_neighbours(self, pods: Sequence[Json], ranks: dict[int, int]) -> dict[int, int]:
        """Raise the rank of pods whose workload fails requests, or calls or serves a failing one."""
        failing = {self._snapshot.controller(p) for p in pods if ranks[id(p)] <= _WARNED}
        wiring = Wiring(self._snapshot, ())
        for flow in self._snapshot.telemetry.flows:
            if flow.errors.above(_FAILING):
                failing |= {node for node in [wiring.node(flow.service)] if node}
        topology = Topology(self._snapshot, wiring.edges())
        near: set[ObjectRef] = set()
        for node in failing:
            for follow in (topology.callers, topology.callees):
                direct = set(follow(node))
                near |= direct | {
                    one for other in direct if other.kind == "Service" for one in follow(other)
                }
        return {
            id(pod): min(
                ranks[id(pod)], _WARNED if owner in failing else _NEAR if owner in near else _DONE
            )
            for pod in pods
            for owner in [self._snapshot.controller(pod)]
        }

    def _of_pod(self, pod: Json) -> list[Read]:
        reads = []
        for status in (*statuses(pod, init=True), *statuses(pod)):
            name, state = str(status.get("name")), dig(status, "state", {})
            if dig(status, "lastState.terminated"):
                reads.append(self._read(pod, name, previous=True))
            init_done = (
                dig(state, "terminated.exitCode") == 0 and dig(pod, "status.phase") != "Failed"
            )
            if ("waiting" not in state and not init_done) or (
                "waiting" in state and int(status.get("restartCount", 0)) > 0 and not reads
            ):
                reads.append(self._read(pod, name, previous=False))
        return reads

    def _read(self, pod: Json, container: str, *, previous: bool) -> Read:
        namespace, name = namespace_of(pod), name_of(pod)
        scope, now = self._snapshot.scope, self._snapshot.now
        query = (
            f"kubectl logs {name} -n {namespace} -c {container} --timestamps --tail={_LOG_TAIL}"
            + (" --previous" if previous else "")
        )

        async def run() -> tuple[Evidence, ...]:
            since = None if previous else scope.window.baseline_start - timedelta(minutes=5)
            try:
                text = await self._cluster.logs(
                    namespace, name, container, tail=_LOG_TAIL, since=since, previous=previous
                )
            except SourceRejected as error:
                if previous:  # the runtime may already have removed the last run's log
                    return ()
                raise ConnectorError(str(error)) from error
            text = redact(text)
            lines = parse_log(text)
            self.logs.append(ContainerLog(namespace, name, container, previous, query, lines))
            if not lines:
                return ()
            tail = "\n".join(line.raw for line in lines[-60:])
            return (
                Evidence.of(
                    Source.LOGS,
                    query,
                    tail,
                    start=scope.window.baseline_start,
                    end=now,
                    excerpt=tail[-400:],
                    objects=(ref_of(pod),),
                    caveats=("the last 60 lines are kept",) if len(lines) > 60 else (),
                ),
            )

        arguments = {"namespace": namespace, "pod": name, "container": container}
        if previous:
            arguments["previous"] = "true"
        return Read("pod_logs", arguments, run)


def unread_line(unread: Sequence[ObjectRef]) -> str:
    """Say which pods' logs were not read."""
    names = ", ".join(ref.name for ref in unread[:_NAMED])
    more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
    return f"logs of {len(unread)} pods, the least suspicious: {names}{more}"


def _has_log(pod: Json) -> bool:
    """Whether a pod stays, and any container of it has ever run."""
    if dig(pod, "metadata.deletionTimestamp"):
        return False
    return dig(pod, "status.phase") != "Pending" or any(
        dig(status, "lastState.terminated") or "waiting" not in dig(status, "state", {})
        for status in (*statuses(pod, init=True), *statuses(pod))
    )


def _restarts(pod: Json) -> int:
    return sum(int(status.get("restartCount", 0)) for status in statuses(pod))


def _revision(pod: Json) -> str:
    labels = dig(pod, "metadata.labels", {})
    return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash") or "")
