"""What one investigation reads from the cluster, planned as reads that run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.api.errors import ConnectorError, SourceRejected
from connectors.api.protocols import ClusterReader
from connectors.api.values import Json
from copilot.evidence.kube import dig, name_of, namespace_of, ref_of, statuses
from copilot.evidence.ledger import at_namespace, resource
from copilot.evidence.loglines import ContainerLog, parse_log
from copilot.evidence.reads import Read
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.tables import table
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import Scope
from copilot.tools.redact import redact

NAMESPACED = (
    "Pod", "Service", "Endpoints", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job",
    "CronJob", "Event", "ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy", "Ingress",
    "ResourceQuota", "LimitRange", "HorizontalPodAutoscaler", "ServiceAccount",
)  # fmt: skip
CLUSTER_WIDE = ("Node", "PersistentVolume", "StorageClass", "Namespace")

_LOG_PODS = 20
_LOG_TAIL = 1000


class ObjectReads:
    """Lists every kind once per namespace of the scope; `objects` fills as the reads run."""

    def __init__(self, cluster: ClusterReader, scope: Scope, now: datetime) -> None:
        self._cluster = cluster
        self._scope = scope
        self._now = now
        self.objects: dict[str, list[Json]] = {}

    def plan(self) -> list[Read]:
        """Return the reads."""
        places: Sequence[str | None] = self._scope.namespaces or (None,)
        reads = [self._read(kind, place) for kind in NAMESPACED for place in places]
        return reads + [self._read(kind, None) for kind in CLUSTER_WIDE]

    def _read(self, kind: str, namespace: str | None) -> Read:
        async def run() -> tuple[Evidence, ...]:
            found = await self._cluster.list(kind, namespace)
            if kind == "ConfigMap":
                found = [o for o in found if name_of(o) != "kube-root-ca.crt"]
            self.objects.setdefault(kind, []).extend(found)
            where = at_namespace(namespace) if namespace else " -A"
            query = f"kubectl get {resource(kind)}{'' if kind in CLUSTER_WIDE else where}"
            return (self._evidence(kind, query, found),) if found else ()

        return Read("cluster_list", {"kind": kind, "namespace": namespace or ""}, run)

    def _evidence(self, kind: str, query: str, found: Sequence[Json]) -> Evidence:
        text = redact(table(kind, found))
        return Evidence.of(
            Source.EVENTS if kind == "Event" else Source.KUBERNETES,
            query,
            text,
            start=self._scope.window.baseline_start,
            end=self._now,
            objects=tuple(ref_of(o) for o in found[:20]),
        )


class LogReads:
    """Reads the logs of suspects and of a sample of the others; `logs` fills as the reads run."""

    def __init__(self, cluster: ClusterReader, snapshot: Snapshot) -> None:
        self._cluster = cluster
        self._snapshot = snapshot
        self.logs: list[ContainerLog] = []

    def plan(self, limit: int = _LOG_PODS) -> list[Read]:
        """Return the reads: unwell pods first, then one pod of every workload."""
        chosen: list[Json] = []
        seen: set[object] = set()
        ranked = sorted(self._snapshot.of("Pod"), key=self._suspicion)
        for pod in ranked:
            if dig(pod, "metadata.deletionTimestamp") or not _has_run(pod):
                continue
            unwell, owner = self._unwell(pod), self._snapshot.controller(pod)
            key = (owner, unwell, _revision(pod))
            if key in seen or (owner, True, _revision(pod)) in seen:
                continue
            seen.add(key)
            chosen.append(pod)
        return [read for pod in chosen[:limit] for read in self._of_pod(pod)]

    def _unwell(self, pod: Json) -> bool:
        return any(
            not s.get("ready") or self._restarted(s)
            for s in statuses(pod)
            if dig(pod, "status.phase") != "Succeeded"
        )

    def _restarted(self, status: Json) -> bool:
        return bool(dig(status, "lastState.terminated"))

    def _suspicion(self, pod: Json) -> tuple[int, int, str]:
        phase = dig(pod, "status.phase")
        if phase == "Succeeded":
            return (3, 0, name_of(pod))
        restarts = sum(int(s.get("restartCount", 0)) for s in statuses(pod))
        age = self._snapshot.is_recent_object(pod)
        return (0 if self._unwell(pod) else 1 if age else 2, -restarts, name_of(pod))

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


def _has_run(pod: Json) -> bool:
    """Whether any container of a pod has ever run, so that there may be a log."""
    return dig(pod, "status.phase") != "Pending" or any(
        dig(status, "lastState.terminated") or "waiting" not in dig(status, "state", {})
        for status in (*statuses(pod, init=True), *statuses(pod))
    )


def _revision(pod: Json) -> str:
    labels = dig(pod, "metadata.labels", {})
    return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash") or "")
