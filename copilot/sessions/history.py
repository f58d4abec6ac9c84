"""Versions of the cluster's objects, kept from look to look: what differs now, and what to restore."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from copilot.model.history import Seen
from copilot.model.scope import ObjectRef, Scope
from copilot.sessions.schema import manifests
from copilot.tools.manifests import fingerprint, manifest
from copilot.tools.redact import redact_object

VERSIONS = 6
"""At most so many versions of an object are kept beside the last one that was well."""
_LARGEST = 512 * 1024
"""A manifest with more bytes of JSON is not kept."""
_AT_ONCE = 500
_Written = tuple[ObjectRef, Mapping[str, Any], str]


class DatabaseHistory:
    """Fits `copilot.model.history.ObjectHistory`. Secrets are not kept, and what looks like one is masked.

    A version that was not seen for `days` is forgotten. A database that fails costs the history, never
    an answer.
    """

    def __init__(self, engine: Engine, days: int) -> None:
        self._engine, self._days = engine, days

    async def note(
        self, scope: Scope, objects: Sequence[Mapping[str, Any]], at: datetime, *, well: bool
    ) -> None:
        """Remember what was there; `well` when nothing was wrong with it."""
        try:
            await asyncio.to_thread(self._note, scope.cluster, objects, at, well)
        except DBAPIError:
            return

    async def seen(self, scope: Scope) -> Sequence[Seen]:
        """Return the remembered versions of the scope's objects, newest first."""
        try:
            return await asyncio.to_thread(self._seen, scope)
        except DBAPIError:
            return ()

    def _seen(self, scope: Scope) -> list[Seen]:
        query = select(manifests).where(manifests.c.cluster == scope.cluster)
        if scope.namespaces:
            query = query.where(manifests.c.namespace.in_(scope.namespaces))
        with self._engine.connect() as db:
            return [_value(row) for row in db.execute(query.order_by(manifests.c.last.desc()))]

    def _note(
        self, cluster: str, objects: Sequence[Mapping[str, Any]], at: datetime, well: bool
    ) -> None:
        found = list(_written(objects))
        told: dict[str, Any] = {"last": at, **({"well": at} if well else {})}
        with self._engine.begin() as db:
            known = _known(db, cluster, {ref.namespace for ref, _, _ in found})
            same: list[int] = []
            for ref, written, digest in found:
                row = known.get((ref, digest))
                replicas = _replicas(written)
                if row is None:
                    _insert(db, cluster, ref, written, digest, at, well)
                    continue
                same.append(row.id)
                if well and row.replicas != replicas:
                    one = update(manifests).where(manifests.c.id == row.id)
                    db.execute(one.values(replicas=replicas))
            for start in range(0, len(same), _AT_ONCE):
                some = manifests.c.id.in_(same[start : start + _AT_ONCE])
                db.execute(update(manifests).where(some).values(**told))
            old = manifests.c.last < at - timedelta(days=self._days)
            db.execute(delete(manifests).where(manifests.c.cluster == cluster, old))
            _forget_surplus(db, known.values())


def _written(objects: Sequence[Mapping[str, Any]]) -> Iterator[_Written]:
    for obj in objects:
        written = manifest(dict(obj))
        if written is not None:
            metadata = written["metadata"]
            place = str(metadata.get("namespace", ""))
            ref = ObjectRef(str(written["kind"]), place, str(metadata["name"]))
            yield ref, written, fingerprint(written)


def _known(
    db: Connection, cluster: str, namespaces: set[str]
) -> dict[tuple[ObjectRef, str], Row[Any]]:
    table = manifests.c
    query = select(
        table.id, table.kind, table.namespace, table.name, table.fingerprint, table.replicas,
        table.last, table.well,
    ).where(table.cluster == cluster, table.namespace.in_(namespaces))  # fmt: skip
    rows: Iterable[Row[Any]] = db.execute(query)
    return {(ObjectRef(r.kind, r.namespace, r.name), r.fingerprint): r for r in rows}


def _insert(
    db: Connection,
    cluster: str,
    ref: ObjectRef,
    written: Mapping[str, Any],
    digest: str,
    at: datetime,
    well: bool,
) -> None:
    masked = redact_object(dict(written))
    body = json.dumps(masked, separators=(",", ":")).encode()
    if len(body) > _LARGEST:
        return
    row = {
        "cluster": cluster, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name,
        "fingerprint": digest, "first": at, "last": at, "well": at if well else None,
        "whole": masked == written, "replicas": _replicas(written), "body": zlib.compress(body),
    }  # fmt: skip
    db.execute(insert(manifests).values(**row))


def _forget_surplus(db: Connection, rows: Iterable[Row[Any]]) -> None:
    versions: dict[tuple[str, str, str], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        versions[row.kind, row.namespace, row.name].append(row)
    surplus: list[int] = []
    for own in versions.values():
        own.sort(key=lambda row: row.last, reverse=True)
        good = max((row for row in own if row.well), key=lambda row: row.well, default=None)
        surplus += [row.id for row in own[VERSIONS:] if row is not good]
    if surplus:
        db.execute(delete(manifests).where(manifests.c.id.in_(surplus)))


def _replicas(written: Mapping[str, Any]) -> int | None:
    spec = written.get("spec")
    found = spec.get("replicas") if isinstance(spec, Mapping) else None
    return found if isinstance(found, int) else None


def _value(row: Row[Any]) -> Seen:
    written = json.loads(zlib.decompress(row.body))
    if row.replicas is not None:
        written["spec"]["replicas"] = row.replicas
    ref = ObjectRef(row.kind, row.namespace, row.name)
    return Seen(ref, written, row.fingerprint, row.first, row.last, row.well, row.whole)


def versions(engine: Engine, kind: str, name: str, namespace: str) -> list[tuple[str, Seen]]:
    """Return the remembered versions of objects by kind (in any case) and name, with their cluster, newest first.

    An empty namespace means any.
    """
    query = select(manifests).where(
        func.lower(manifests.c.kind) == kind.lower(), manifests.c.name == name
    )
    if namespace:
        query = query.where(manifests.c.namespace == namespace)
    with engine.connect() as db:
        rows = db.execute(query.order_by(manifests.c.last.desc()))
        return [(row.cluster, _value(row)) for row in rows]
