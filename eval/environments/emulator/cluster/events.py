"""Events as client-go's recorder makes them: counted, combined when similar, limited in rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.api.values import Json
from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.cluster.objects import (
    key_of,
    parse_time,
    rfc3339,
    rfc3339_micro,
)
from eval.environments.emulator.cluster.store import Store

EventType = Literal["Normal", "Warning"]

_LIFETIME = timedelta(hours=1)
_SERIES_WINDOW = timedelta(minutes=6)
_SERIES_REFRESH = timedelta(minutes=30)
_BURST = 25
_REFILL_SECONDS = 300.0
_SIMILAR = 10
_SIMILAR_WINDOW = timedelta(minutes=10)


@dataclass(slots=True)
class _Series:
    """How often an event has happened, when last, and when that was last written."""

    count: int
    last: datetime
    written: datetime


class Recorder:
    """Writes Events to the store, on virtual time."""

    def __init__(self, clock: VirtualClock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._similar: dict[tuple[str, ...], tuple[float, dict[str, None]]] = {}
        self._known: dict[tuple[str, ...], tuple[str, str]] = {}
        self._seen: dict[tuple[str, ...], tuple[str, int]] = {}
        self._series: dict[tuple[str, ...], _Series] = {}
        self._last_stamp = 0

    def record(
        self,
        obj: Json,
        type_: EventType,
        reason: str,
        message: str,
        *,
        source: str,
        host: str = "",
        field_path: str = "",
    ) -> None:
        """Record that something happened to `obj`."""
        uid = str(obj["metadata"].get("uid", ""))
        now = rfc3339(self._clock.now())
        identity: tuple[str, ...] = (source, host, uid, field_path, type_, reason)
        if self._is_crowded(identity, message):
            message = f"(combined from similar events): {message}"
        else:
            identity = (*identity, message)
        # repeats are counted even while the rate limit keeps them from being written
        first, count = self._seen.get(identity, (now, 0))
        self._seen[identity] = (first, count + 1)
        if not self._admit(f"{source}/{host}", uid):
            return
        known = self._known.get(identity)
        if known is not None and (event := self._store.get("Event", *known)) is not None:
            self._store.put(
                {
                    **event,
                    "metadata": dict(event["metadata"]),
                    "message": message,
                    "count": count + 1,
                    "lastTimestamp": now,
                }
            )
            return
        event = self._store.create(
            {
                "kind": "Event",
                "apiVersion": "v1",
                "metadata": self._metadata(obj),
                "involvedObject": _reference(obj, field_path),
                "reason": reason,
                "message": message,
                "source": {"component": source, **({"host": host} if host else {})},
                "firstTimestamp": first,
                "lastTimestamp": now,
                "count": count + 1,
                "type": type_,
                "eventTime": None,
                "reportingComponent": source,
                "reportingInstance": host,
            }
        )
        self._remember(identity, event)

    def note(
        self,
        obj: Json,
        type_: EventType,
        reason: str,
        message: str,
        *,
        source: str,
        action: str,
    ) -> None:
        """Record in the newer style (the scheduler's): an eventTime, and a series for repeats."""
        now = self._clock.now()
        involved = _reference(obj, "")
        identity = ("series", source, action, reason, involved["uid"], involved["resourceVersion"])
        known = self._known.get(identity)
        if known is not None and self._store.get("Event", *known) is not None:
            self._repeat(identity, known)
            return
        event = self._store.create(
            {
                "kind": "Event",
                "apiVersion": "v1",
                "metadata": self._metadata(obj),
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "source": {},
                "firstTimestamp": None,
                "lastTimestamp": None,
                "type": type_,
                "eventTime": rfc3339_micro(now),
                "action": action,
                "reportingComponent": source,
                "reportingInstance": f"{source}-control-plane",
            }
        )
        self._remember(identity, event)
        self._clock.call_later(_SERIES_WINDOW.total_seconds(), lambda: self._finish(identity, now))

    def _repeat(self, identity: tuple[str, ...], known: tuple[str, str]) -> None:
        """Count a repetition: the first is written at once, those after it every half an hour."""
        now = self._clock.now()
        series = self._series.get(identity)
        if series is None:
            self._series[identity] = _Series(2, now, now)
            self._write_series(known, 2, now)
            return
        series.count += 1
        series.last = now
        if now - series.written >= _SERIES_REFRESH:
            series.written = now
            self._write_series(known, series.count, now)

    def _finish(self, identity: tuple[str, ...], first: datetime) -> None:
        """Write a series that has ended, and forget it: what comes later is an Event of its own."""
        series = self._series.get(identity)
        last = first if series is None else series.last
        if self._clock.now() - last < _SERIES_WINDOW:
            end = last + _SERIES_WINDOW
            self._clock.call_at(end, lambda: self._finish(identity, first))
            return
        known = self._known.pop(identity, None)
        if self._series.pop(identity, None) is not None and series and known:
            self._write_series(known, series.count, series.last)

    def _write_series(self, known: tuple[str, str], count: int, last: datetime) -> None:
        event = self._store.get("Event", *known)
        if event is not None:
            series = {"count": count, "lastObservedTime": rfc3339_micro(last)}
            self._store.put({**event, "metadata": dict(event["metadata"]), "series": series})

    def _metadata(self, obj: Json) -> Json:
        meta = obj["metadata"]
        return {
            "name": f"{meta['name']}.{self._stamp():x}",
            "namespace": meta.get("namespace", "") or "default",
        }

    def _remember(self, identity: tuple[str, ...], event: Json) -> None:
        key = key_of(event)
        self._known[identity] = key
        self._clock.call_later(_LIFETIME.total_seconds(), lambda: self._expire(identity, key))

    def _expire(self, identity: tuple[str, ...], key: tuple[str, str]) -> None:
        event = self._store.get("Event", *key)
        if event is not None:
            end = parse_time(last_seen(event)) + _LIFETIME
            if end > self._clock.now():
                self._clock.call_at(end, lambda: self._expire(identity, key))
                return
            self._store.remove("Event", key)
        if self._known.get(identity) == key:
            del self._known[identity]
            self._seen.pop(identity, None)

    def _stamp(self) -> int:
        nanoseconds = int(self._clock.now().timestamp() * 1_000_000) * 1000
        self._last_stamp = max(self._last_stamp + 1, nanoseconds)
        return self._last_stamp

    def _admit(self, source: str, uid: str) -> bool:
        """Let 25 events per source and object through, then one in five minutes."""
        present = self._clock.now().timestamp()
        tokens, then = self._buckets.get((source, uid), (float(_BURST), present))
        tokens = min(_BURST, tokens + (present - then) / _REFILL_SECONDS)
        admitted = tokens >= 1
        self._buckets[source, uid] = (tokens - 1 if admitted else tokens, present)
        return admitted

    def _is_crowded(self, group: tuple[str, ...], message: str) -> bool:
        """Whether ten different messages of one kind within ten minutes must share one Event."""
        present = self._clock.now().timestamp()
        last, messages = self._similar.get(group, (present, {}))
        if present - last > _SIMILAR_WINDOW.total_seconds():
            messages = {}
        messages[message] = None
        self._similar[group] = (present, messages)
        if len(messages) < _SIMILAR:
            return False
        messages.pop(next(iter(messages)))
        return True


def last_seen(event: Json) -> str:
    """Return when an Event last happened, whichever style it is recorded in."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    )


def _reference(obj: Json, field_path: str) -> Json:
    meta = obj["metadata"]
    reference: Json = {
        "kind": obj["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "uid": str(meta.get("uid", "")),
        "apiVersion": obj["apiVersion"],
        "resourceVersion": meta.get("resourceVersion", ""),
        "fieldPath": field_path,
    }
    return {name: value for name, value in reference.items() if value}
