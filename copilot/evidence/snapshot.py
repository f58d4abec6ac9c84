"""One view of the scope: the objects as read, and the indexes that analyzers ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.kube import (
    WORKLOAD_KINDS,
    created,
    dig,
    edit_time,
    labels_of,
    matches,
    name_of,
    namespace_of,
    parse_time,
    pod_spec,
    ref_of,
    template_labels,
    uid_of,
)
from copilot.evidence.loglines import ContainerLog
from copilot.evidence.telemetry import Telemetry
from copilot.model.history import Seen
from copilot.model.scope import ObjectRef, Scope

TELLING_LABELS = ("app", "name", "service", "component", "app.kubernetes.io/name",
                  "app.kubernetes.io/component", "io.kompose.service", "k8s-app")  # fmt: skip
"""Labels that by convention say which program a workload is."""

NO_TELEMETRY = Telemetry()


class Snapshot:
    """Everything that one investigation has read; immutable once made.

    `objects` are by kind; `missing` says, by kind or source, why something could not be read; `seen` is
    what earlier looks found.
    """

    seen: tuple[Seen, ...] = ()

    def __init__(
        self,
        scope: Scope,
        now: datetime,
        objects: Mapping[str, Sequence[Json]],
        *,
        missing: Mapping[str, str] | None = None,
        logs: Sequence[ContainerLog] = (),
        telemetry: Telemetry = NO_TELEMETRY,
        seen: Sequence[Seen] = (),
    ) -> None:
        self.scope = scope
        self.now = now
        self.missing = dict(missing or {})
        self.logs = tuple(logs)
        self.telemetry = telemetry
        self.seen = tuple(seen)
        self._objects = {kind: tuple(items) for kind, items in objects.items()}
        self._by_ref = {ref_of(o): o for items in self._objects.values() for o in items}
        self._events: dict[ObjectRef, list[Json]] = defaultdict(list)
        for event in sorted(self.of("Event"), key=event_sort_key):
            self._events[involved(event)].append(event)
        self._pods_of: dict[ObjectRef, list[Json]] = defaultdict(list)
        self._labelled: dict[tuple[str, str, str], list[Json]] = defaultdict(list)
        for pod in self.of("Pod"):
            self._pods_of[self.controller(pod)].append(pod)
            if not is_leftover(pod):
                for key, value in labels_of(pod).items():
                    self._labelled[namespace_of(pod), key, value].append(pod)
        self._sets_of: dict[ObjectRef, list[Json]] = defaultdict(list)
        for replica_set in self.of("ReplicaSet"):
            self._sets_of[self.controller(replica_set)].append(replica_set)
        self.workloads: tuple[Json, ...] = tuple(self._top_level())
        self._services_of: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
        self._backing: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
        self._index_services()
        self._named: dict[tuple[str, str], list[ObjectRef]] = defaultdict(list)
        self._called: dict[tuple[str, str], list[ObjectRef]] = defaultdict(list)
        self._index_names()

    # -- objects

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of which objects were read."""
        return tuple(self._objects)

    def of(self, kind: str) -> tuple[Json, ...]:
        """Return all objects of a kind."""
        return self._objects.get(kind, ())

    def knows(self, kind: str) -> bool:
        """Whether the kind was read in full, so that the absence of an object means something."""
        return kind in self._objects and kind not in self.missing

    def get(self, ref: ObjectRef) -> Json | None:
        """Return one object."""
        return self._by_ref.get(ref)

    def exists(self, kind: str, namespace: str, name: str) -> bool | None:
        """Whether an object exists; None when the kind (or the namespace) was not read."""
        if not self.knows(kind) or not self.covers(namespace):
            return None
        return ObjectRef(kind, namespace, name) in self._by_ref

    def covers(self, namespace: str) -> bool:
        """Whether a namespace ("" for cluster-wide objects) is within the scope."""
        return not namespace or not self.scope.namespaces or namespace in self.scope.namespaces

    def names(self, kind: str, namespace: str) -> list[str]:
        """Return the names of all objects of a kind in a namespace."""
        return [name_of(o) for o in self.of(kind) if namespace_of(o) == namespace]

    # -- ownership

    def controller(self, obj: Json) -> ObjectRef:
        """Return the top-level controller of a pod (or of a ReplicaSet or Job): never generated."""
        current, seen = obj, 0
        while seen < 5:
            owner = _owner(current)
            if owner is None:
                return ref_of(current)
            above = self._by_ref.get(owner)
            if above is None:
                return self._guess(current, owner)
            current, seen = above, seen + 1
        return ref_of(current)

    def _guess(self, child: Json, owner: ObjectRef) -> ObjectRef:
        """Name a Deployment from its ReplicaSet's name where ReplicaSets could not be read."""
        digest = labels_of(child).get("pod-template-hash", "")
        if owner.kind == "ReplicaSet" and digest and owner.name.endswith("-" + digest):
            return ObjectRef("Deployment", owner.namespace, owner.name[: -len(digest) - 1])
        return owner

    def _top_level(self) -> list[Json]:
        found = [
            obj
            for kind in WORKLOAD_KINDS
            for obj in self.of(kind)
            if _owner(obj) is None and not (kind == "ReplicaSet" and self._deployed(obj))
        ]
        found += [pod for pod in self.of("Pod") if _owner(pod) is None]
        known = {ref_of(obj) for obj in found}
        for controller, pods in self._pods_of.items():
            if controller not in known:  # of a kind that was not, or could not be, read
                found.append(_stand_in(controller, pods[0]))
        return found

    def _deployed(self, replica_set: Json) -> bool:
        return self.controller(replica_set) != ref_of(replica_set)

    def pods(self, workload: ObjectRef) -> list[Json]:
        """Return the pods of a top-level workload that are meant to be there now."""
        return [pod for pod in self._pods_of.get(workload, []) if not is_leftover(pod)]

    def replica_sets(self, workload: ObjectRef) -> list[Json]:
        """Return a Deployment's ReplicaSets, newest revision first."""
        found = self._sets_of.get(workload, [])
        return sorted(found, key=revision_of, reverse=True)

    # -- services

    def _index_services(self) -> None:
        by_label: dict[tuple[str, str, str], list[tuple[ObjectRef, dict[str, str]]]] = defaultdict(
            list
        )
        for workload in self.workloads:
            ref = ref_of(workload)
            labels = labels_of(workload) if ref.kind == "Pod" else template_labels(workload)
            if ref.kind not in ("Job", "CronJob"):
                for key, value in labels.items():
                    by_label[ref.namespace, key, value].append((ref, labels))
        for service in self.of("Service"):
            selector, ref = dig(service, "spec.selector", {}), ref_of(service)
            for key, value in list(selector.items())[:1]:
                for workload_ref, labels in by_label[ref.namespace, key, value]:
                    if matches(selector, labels):
                        self._backing[ref].append(workload_ref)
                        self._services_of[workload_ref].append(ref)

    def backing(self, service: ObjectRef) -> list[ObjectRef]:
        """Return the workloads whose pod template the Service selects."""
        return self._backing.get(service, [])

    def services_of(self, workload: ObjectRef) -> list[ObjectRef]:
        """Return the Services that select the workload's pods."""
        return self._services_of.get(workload, [])

    def selected(self, service: Json) -> list[Json]:
        """Return the live pods that a Service selects."""
        selector, namespace = dig(service, "spec.selector", {}), namespace_of(service)
        for key, value in selector.items():
            found = self._labelled.get((namespace, key, value), [])
            return [pod for pod in found if matches(selector, labels_of(pod))]
        return []

    # -- events and logs

    def events(self, ref: ObjectRef, uid: str = "") -> list[Json]:
        """Return the events about one object, oldest first; with `uid` only of this incarnation."""
        return [
            event
            for event in self._events.get(ref, [])
            if not uid or dig(event, "involvedObject.uid", uid) in (uid, "")
        ]

    def pod_events(self, pod: Json) -> list[Json]:
        """Return the events about this very pod."""
        return self.events(ref_of(pod), uid_of(pod))

    def namesakes(self, namespace: str, name: str) -> list[ObjectRef]:
        """Return the workloads that bear a name, else those that bear it in a telling label."""
        return self._named.get((namespace, name)) or self._called.get((namespace, name), [])

    def _index_names(self) -> None:
        for workload in self.workloads:
            ref = ref_of(workload)
            if ref.kind in ("Job", "CronJob"):
                continue
            self._named[ref.namespace, ref.name].append(ref)
            labels = {**labels_of(workload), **template_labels(workload)}
            for name in dict.fromkeys(labels[k] for k in TELLING_LABELS if k in labels):
                self._called[ref.namespace, name].append(ref)

    def log(self, pod: Json, container: str, *, previous: bool = False) -> ContainerLog | None:
        """Return a container's log, if it was read."""
        for log in self.logs:
            if (
                log.pod == name_of(pod)
                and log.namespace == namespace_of(pod)
                and log.container == container
                and log.previous == previous
            ):
                return log
        return None

    def is_recent(self, moment: datetime | None) -> bool:
        """Whether something happened within the window under investigation, or after it."""
        return bool(moment and moment >= self.scope.window.start - timedelta(seconds=5))

    def is_recent_object(self, obj: Json) -> bool:
        """Whether an object was made, or edited, within the window."""
        return self.is_recent(created(obj)) or self.is_recent(edit_time(obj))

    def is_known_period(self, moment: datetime | None) -> bool:
        """Whether something happened within the window or its baseline."""
        return bool(moment and moment >= self.scope.window.baseline_start)

    def spec(self, ref: ObjectRef) -> Json:
        """Return the pod spec of a workload, {} for an unknown one."""
        obj = self.get(ref)
        return pod_spec(obj) if obj else {}


def _owner(obj: Json) -> ObjectRef | None:
    owners = dig(obj, "metadata.ownerReferences", []) or []
    for owner in owners:
        if owner.get("kind") == "Node":
            continue  # the kubelet's own static pods
        if owner.get("controller") or len(owners) == 1:
            return ObjectRef(str(owner.get("kind")), namespace_of(obj), str(owner.get("name")))
    return None


def _stand_in(controller: ObjectRef, pod: Json) -> Json:
    """Make what is known of an unread controller from one of its pods."""
    template = {"metadata": {"labels": labels_of(pod)}, "spec": dig(pod, "spec", {})}
    return {
        "kind": controller.kind,
        "metadata": {"namespace": controller.namespace, "name": controller.name},
        "spec": {"template": template},
    }


def involved(event: Json) -> ObjectRef:
    """Return the object that an event is about."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    return ObjectRef(
        str(about.get("kind", "")), str(about.get("namespace", "")), str(about.get("name", ""))
    )


def event_time(event: Json) -> datetime | None:
    """Return when an event (or the last of its repetitions) happened."""
    for path in ("series.lastObservedTime", "lastTimestamp", "eventTime", "firstTimestamp"):
        moment = parse_time(dig(event, path))
        if moment:
            return moment
    return created(event)


def event_first(event: Json) -> datetime | None:
    """Return when an event happened for the first time."""
    return (
        parse_time(event.get("firstTimestamp"))
        or parse_time(event.get("eventTime"))
        or created(event)
    )


def event_count(event: Json) -> int:
    """Return how often an event happened."""
    return int(event.get("count") or dig(event, "series.count", 1) or 1)


def event_sort_key(event: Json) -> tuple[float, str]:
    """Order events by their last time, then by name."""
    moment = event_time(event)
    return (moment.timestamp() if moment else 0.0, name_of(event))


def is_leftover(pod: Json) -> bool:
    """Whether a pod has ended for good, or is on its way out: no symptom by itself."""
    if dig(pod, "metadata.deletionTimestamp"):
        return True
    phase = dig(pod, "status.phase")
    owner = _owner(pod)
    ended_by_owner = owner is not None and owner.kind != "Job"
    return phase == "Succeeded" or (phase == "Failed" and ended_by_owner)


def revision_of(replica_set: Json) -> int:
    """Return a ReplicaSet's rollout revision, 0 without one."""
    text = str(
        dig(replica_set, "metadata.annotations", {}).get("deployment.kubernetes.io/revision", "0")
    )
    return int(text) if text.isdigit() else 0
