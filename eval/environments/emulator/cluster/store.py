"""The object store: what etcd is to a real API server.

Stored objects are never changed in place: every write stores a new object, so that watch events
and cached lists can be handed out without copying.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import (
    ApiError,
    already_exists,
    conflict,
    not_found,
)
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.objects import (
    Key,
    clone,
    controller_of,
    key_of,
    rfc3339,
)
from eval.environments.emulator.cluster.resources import BY_KIND, Resource

_LOG_LENGTH = 20_000
_ADOPTED = frozenset(("Pod", "ReplicaSet"))


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `old` is None for a creation, `new` for a deletion (`last` is then the object)."""

    version: int
    kind: str
    old: Json | None
    new: Json | None
    last: Json


class Store:
    """Objects by kind, namespace and name, with one resourceVersion counter and a watch log."""

    def __init__(self, now: Callable[[], datetime], names: Names) -> None:
        self._now = now
        self._names = names
        self.kinds: dict[str, Resource] = dict(BY_KIND)
        self._objects: dict[str, dict[Key, Json]] = {}
        self._lists: dict[str, dict[str | None, tuple[Json, ...]]] = {}
        self._owned: dict[str, dict[tuple[str, Key], None]] = {}
        self._uids: dict[tuple[str, str], Key] = {}
        self._orphans: dict[str, dict[Key, None]] = {}
        self._subscribers: list[Callable[[Change], None]] = []
        self._kind_versions: dict[str, int] = {}
        self.log: deque[Change] = deque(maxlen=_LOG_LENGTH)
        self.version = 1000

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write; returns the function that ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def kind_of(self, obj: Json) -> str:
        """Return the kind under which an object is stored: a custom kind may share its name."""
        kind: str = obj["kind"]
        if len(self.kinds) > len(BY_KIND):
            group = str(obj.get("apiVersion", "")).rpartition("/")[0]
            known = self.kinds.get(kind)
            if known is None or known.group != group:
                named = f"{kind}.{group}"
                return named if named in self.kinds else kind
        return kind

    def version_of(self, kind: str) -> int:
        """Return the resourceVersion of the last write to any object of `kind`."""
        return self._kind_versions.get(kind, 0)

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """Return the stored object, not a copy."""
        return self._objects.get(kind, {}).get((namespace, name))

    def by_uid(self, kind: str, uid: str) -> Json | None:
        """Return the stored object of a kind by its uid."""
        key = self._uids.get((kind, uid))
        return None if key is None else self.get(kind, *key)

    def all(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        """Return the stored objects of a kind, sorted by namespace and name."""
        cache = self._lists.setdefault(kind, {})
        found = cache.get(namespace)
        if found is None:
            items = sorted(self._objects.get(kind, {}).items())
            found = tuple(obj for key, obj in items if namespace is None or key[0] == namespace)
            cache[namespace] = found
        return found

    def owned(self, uid: str, kind: str | None = None) -> list[Json]:
        """Return the objects that name `uid` as an owner, oldest first."""
        found = []
        for owned_kind, key in self._owned.get(uid, {}):
            if kind is None or owned_kind == kind:
                obj = self._objects.get(owned_kind, {}).get(key)
                if obj is not None:
                    found.append(obj)
        return found

    def orphans(self, kind: str, namespace: str) -> list[Json]:
        """Return the objects of a kind in a namespace that nothing controls."""
        found = [self.get(kind, *key) for key in self._orphans.get(kind, ()) if key[0] == namespace]
        return [obj for obj in found if obj is not None]

    def create(self, obj: Json) -> Json:
        """Store a new object (taken over, not copied) and fill in its metadata."""
        meta = obj["metadata"]
        kind, key = self.kind_of(obj), key_of(obj)
        resource = self.kinds[kind]
        if key in self._objects.setdefault(kind, {}):
            raise already_exists(resource.group, resource.plural, key[1])
        meta["uid"] = self._names.uid()
        meta["creationTimestamp"] = rfc3339(self._now())
        if resource.generation:
            meta["generation"] = 1
        self._write(kind, key, None, obj)
        return obj

    def put(self, obj: Json) -> Json:
        """Replace an object (taken over). A resourceVersion that is present must be the stored one.

        Nothing happens when nothing differs. Raises `ApiError` 404 and 409.
        """
        kind, key = self.kind_of(obj), key_of(obj)
        resource = self.kinds[kind]
        old = self._objects.get(kind, {}).get(key)
        if old is None:
            raise not_found(resource.group, resource.plural, key[1])
        meta, before = obj["metadata"], old["metadata"]
        if meta.get("resourceVersion", before["resourceVersion"]) != before["resourceVersion"]:
            raise conflict(resource.group, resource.plural, key[1])
        meta["resourceVersion"] = before["resourceVersion"]
        if obj == old:
            return old
        if resource.generation and obj.get("spec") != old.get("spec"):
            meta["generation"] = before.get("generation", 1) + 1
        self._write(kind, key, old, obj)
        return obj

    def edit(self, kind: str, key: Key, change: Callable[[Json], None]) -> Json | None:
        """Apply `change` to a copy of the object and store it; None when there is no such object."""
        old = self.get(kind, *key)
        if old is None:
            return None
        new: Json = clone(old)
        change(new)
        return self.put(new)

    def set_status(self, obj: Json, status: Json) -> None:
        """Store `obj` with another status, if it still exists."""
        current = self.get(self.kind_of(obj), *key_of(obj))
        if current is not None and current.get("status") != status:
            self.put({**current, "metadata": dict(current["metadata"]), "status": status})

    def remove(self, kind: str, key: Key) -> Json:
        """Delete an object and return its last state. Raises `ApiError` 404."""
        resource = self.kinds[kind]
        old = self._objects.get(kind, {}).pop(key, None)
        if old is None:
            raise not_found(resource.group, resource.plural, key[1])
        self._write(kind, key, old, None)
        return old

    def changes_since(self, version: int) -> list[Change]:
        """Return the writes after a resourceVersion. Raises `ApiError` 410 when they are forgotten."""
        log = self.log
        if log and version + 1 < log[0].version and len(log) == log.maxlen:
            raise ApiError(
                410, "Expired", f"too old resource version: {version} ({log[0].version})"
            )
        found: list[Change] = []
        for change in reversed(log):
            if change.version <= version:
                break
            found.append(change)
        found.reverse()
        return found

    def _write(self, kind: str, key: Key, old: Json | None, new: Json | None) -> None:
        self.version += 1
        self._kind_versions[kind] = self.version
        self._lists.pop(kind, None)
        if new is not None:
            new["metadata"]["resourceVersion"] = str(self.version)
            self._objects[kind][key] = new
            last = new
        else:
            assert old is not None
            last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        if old is None:
            self._uids[kind, last["metadata"]["uid"]] = key
        elif new is None:
            self._uids.pop((kind, last["metadata"]["uid"]), None)
        self._index(kind, key, old, new)
        change = Change(self.version, kind, old, new, last)
        self.log.append(change)
        for callback in tuple(self._subscribers):
            callback(change)

    def _index(self, kind: str, key: Key, old: Json | None, new: Json | None) -> None:
        if kind in _ADOPTED:
            loose = self._orphans.setdefault(kind, {})
            if new is not None and controller_of(new) is None:
                loose[key] = None
            else:
                loose.pop(key, None)
        before = _owners(old)
        after = _owners(new)
        for uid in before - after:
            owned = self._owned.get(uid, {})
            owned.pop((kind, key), None)
            if not owned:
                self._owned.pop(uid, None)
        for uid in after - before:
            self._owned.setdefault(uid, {})[kind, key] = None


def _owners(obj: Json | None) -> set[str]:
    if obj is None:
        return set()
    return {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or ()}
