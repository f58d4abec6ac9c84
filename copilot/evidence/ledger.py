"""The ledger of an investigation: every quotation an analyzer makes becomes evidence here.

A quotation is a verbatim part of what was read, with the command that shows it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from connectors.api.values import Json
from copilot.evidence.kube import dig, name_of, namespace_of, ref_of
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef, Scope
from copilot.tools.redact import redact

_EXCERPT = 400
_KINDS = {
    "HorizontalPodAutoscaler": "hpa",
    "PersistentVolumeClaim": "pvc",
    "PersistentVolume": "pv",
    "NetworkPolicy": "networkpolicy",
}


def resource(kind: str) -> str:
    """Return the name that kubectl takes for a kind."""
    return _KINDS.get(kind, kind.lower())


def at_namespace(namespace: str) -> str:
    """Return kubectl's namespace option, "" for cluster-wide objects."""
    return f" -n {namespace}" if namespace else ""


class Ledger:
    """Evidence by id, in the order in which it was first quoted."""

    def __init__(self, scope: Scope, now: datetime) -> None:
        self._start = scope.window.baseline_start
        self._now = now
        self._items: dict[str, Evidence] = {}

    def add(
        self,
        source: Source,
        query: str,
        text: str,
        *,
        excerpt: str = "",
        objects: tuple[ObjectRef, ...] = (),
        caveats: tuple[str, ...] = (),
    ) -> str:
        """Store what a query gave, redacted, and return the evidence id."""
        text = redact(text)
        quoted = redact(excerpt) if excerpt else text[:_EXCERPT]
        if quoted not in text:
            quoted = text[:_EXCERPT]
        item = Evidence.of(
            source,
            query,
            text,
            start=self._start,
            end=self._now,
            excerpt=quoted[:_EXCERPT],
            objects=objects,
            caveats=caveats,
        )
        self._items.setdefault(item.id, item)
        return item.id

    def value(self, obj: Json, path: str, source: Source = Source.KUBERNETES) -> str:
        """Quote one field of an object as `kubectl -o jsonpath` prints it."""
        found = dig(obj, path)
        text = found if isinstance(found, str) else json.dumps(found, sort_keys=True)
        return self.add(
            source,
            f"kubectl get {resource(str(obj.get('kind')))} {name_of(obj)}"
            f"{at_namespace(namespace_of(obj))} -o jsonpath='{{.{path}}}'",
            text or "null",
            objects=(ref_of(obj),),
        )

    def state(self, pod: Json, status: Json, field: str = "state", *, init: bool = False) -> str:
        """Quote the state (or lastState) of one container of a pod."""
        group = "initContainerStatuses" if init else "containerStatuses"
        return self.add(
            Source.KUBERNETES,
            f"kubectl get pod {name_of(pod)}{at_namespace(namespace_of(pod))} -o"
            f""" jsonpath='{{.status.{group}[?(@.name=="{status.get("name")}")].{field}}}'""",
            json.dumps(status.get(field) or {}, sort_keys=True),
            objects=(ref_of(pod),),
        )

    def container(self, obj: Json, base: str, name: str, field: str, value: object) -> str:
        """Quote one field of one container of a pod template (`base` is the path of its spec)."""
        return self.add(
            Source.KUBERNETES,
            f"kubectl get {resource(str(obj.get('kind')))} {name_of(obj)}"
            f"{at_namespace(namespace_of(obj))} -o"
            f""" jsonpath='{{.{base}.containers[?(@.name=="{name}")].{field}}}'""",
            json.dumps(value, sort_keys=True),
            objects=(ref_of(obj),),
        )

    def events(self, about: ObjectRef, events: Sequence[Json]) -> str:
        """Quote the events about one object, newest last."""
        lines = [event_line(event) for event in events]
        return self.add(
            Source.EVENTS,
            f"kubectl get events{at_namespace(about.namespace)}"
            f" --field-selector involvedObject.kind={about.kind},involvedObject.name={about.name}",
            "\n".join(lines),
            excerpt=lines[-1] if lines else "",
            objects=(about,),
        )

    def lines(self, query: str, lines: Iterable[str], about: tuple[ObjectRef, ...]) -> str:
        """Quote lines of a log; `query` is the kubectl command that shows the log."""
        quoted = [line[:600] for line in lines]
        return self.add(Source.LOGS, query, "\n".join(quoted), excerpt=quoted[-1], objects=about)

    def absence(self, kind: str, namespace: str, names: Sequence[str], wanted: str) -> str:
        """Quote the list in which a wanted name does not appear."""
        text = "\n".join(sorted(names)) or "(none)"
        return self.add(
            Source.KUBERNETES,
            f"kubectl get {resource(kind)}{at_namespace(namespace)} -o name",
            text,
            objects=(ObjectRef(kind, namespace, wanted),),
            caveats=(f"{kind} {wanted} is not among them",),
        )

    def all(self) -> tuple[Evidence, ...]:
        """Return everything quoted so far."""
        return tuple(self._items.values())

    def __getitem__(self, key: str) -> Evidence:
        return self._items[key]

    def __contains__(self, key: str) -> bool:
        return key in self._items


def event_line(event: Json) -> str:
    """Write an event as one line: last seen, type, reason, object, count, message."""
    last = (
        event.get("lastTimestamp")
        or event.get("eventTime")
        or dig(event, "series.lastObservedTime")
    )
    last = last or event.get("firstTimestamp") or dig(event, "metadata.creationTimestamp", "")
    count = event.get("count") or dig(event, "series.count", 1)
    about = f"{dig(event, 'involvedObject.kind', '')}/{dig(event, 'involvedObject.name', '')}"
    message = " ".join(str(event.get("message", "")).split())
    return f"{last} {event.get('type', '')} {event.get('reason', '')} {about} (x{count}) {message}"
