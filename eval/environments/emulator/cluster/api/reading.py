"""get, list and watch."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.respond import Presenter, Wanted, dump
from eval.environments.emulator.cluster.api.target import Target
from eval.environments.emulator.cluster.api.views import outward
from eval.environments.emulator.cluster.errors import ApiError, bad_request
from eval.environments.emulator.cluster.objects import key_of, labels_of
from eval.environments.emulator.cluster.selectors import parse_fields, parse_labels
from eval.environments.emulator.cluster.store import Change, Store

_BOOKMARK_SECONDS = 30.0
Filter = Callable[[Json], bool]


def selection(target: Target, query: Mapping[str, str]) -> Filter:
    """Return the test that a request's path and selectors amount to. Raises `ApiError` 400."""
    try:
        by_label = parse_labels(query.get("labelSelector", ""))
        by_field = parse_fields(query.get("fieldSelector", ""))
    except ValueError as error:
        raise bad_request(str(error)) from error
    namespace, name, resource = target.namespace, target.name, target.resource

    def test(obj: Json) -> bool:
        here, named = key_of(obj)
        if (namespace and here != namespace) or (name and named != name):
            return False
        if not by_label(labels_of(obj)):
            return False
        return by_field(outward(resource, obj) if resource.alias else obj)

    return test


def listing(
    store: Store,
    target: Target,
    query: Mapping[str, str],
    wanted: Wanted,
    presenter: Presenter,
) -> Json:
    """Return a list. Raises `ApiError`."""
    test = selection(target, query)
    found = [obj for obj in store.all(target.resource.key, target.namespace or None) if test(obj)]
    meta: Json = {"resourceVersion": str(store.version)}
    start = query.get("continue", "")
    if start:
        version, key = _token(start)
        store.changes_since(int(version))
        meta["resourceVersion"] = version
        found = [obj for obj in found if key_of(obj) > key]
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else 0
    if limit and len(found) > limit:
        rest = len(found) - limit
        found = found[:limit]
        after = json.dumps([meta["resourceVersion"], *key_of(found[-1])]).encode()
        meta["continue"] = base64.urlsafe_b64encode(after).decode()
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            meta["remainingItemCount"] = rest
    return presenter.many(target.resource, found, wanted, meta)


def _token(text: str) -> tuple[str, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(text))
        int(version)
    except (ValueError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
    return version, (namespace, name)


class Watches:
    """Open watches; all end when the server closes."""

    def __init__(self, store: Store, presenter: Presenter) -> None:
        self._store = store
        self._presenter = presenter
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all watches."""
        self._closing.set()

    async def stream(
        self, request: web.Request, target: Target, wanted: Wanted
    ) -> web.StreamResponse:
        """Send changes until the client or its timeout ends it. Raises `ApiError` before that."""
        query = request.query
        test = selection(target, query)
        store, kind = self._store, target.resource.key
        asked = query.get("resourceVersion", "")
        initial: list[tuple[str, Json]] = []
        if asked in ("", "0") or query.get("sendInitialEvents") == "true":
            version = store.version
            initial = [("ADDED", o) for o in store.all(kind, target.namespace or None) if test(o)]
        else:
            if not asked.isdigit():
                raise bad_request(f'Invalid value: "{asked}": resourceVersion')
            version = int(asked)
            store.changes_since(version)
        timeout = float(query["timeoutSeconds"]) if query.get("timeoutSeconds") else 1800.0
        wake = asyncio.Event()
        stop = store.subscribe(lambda change: wake.set() if change.kind == kind else None)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        try:
            await response.prepare(request)
            for word, obj in initial:
                await self._send(response, target, wanted, word, obj)
            if query.get("sendInitialEvents") == "true":
                await self._bookmark(response, target, version, initial=True)
            bookmarks = query.get("allowWatchBookmarks") == "true"
            while not self._closing.is_set() and loop.time() < deadline:
                wake.clear()
                for change in store.changes_since(version):
                    version = change.version
                    event = _event(change, kind, test)
                    if event is not None:
                        await self._send(response, target, wanted, *event)
                pause = min(_BOOKMARK_SECONDS, deadline - loop.time())
                if not await self._wait(wake, pause) and bookmarks:
                    await self._bookmark(response, target, version)
        except ApiError as error:
            await response.write(dump({"type": "ERROR", "object": error.status()}))
        except ConnectionResetError:
            pass
        finally:
            stop()
        return response

    async def _wait(self, wake: asyncio.Event, seconds: float) -> bool:
        """Wait for a change or the closing; False when nothing happened in time."""
        waits = [asyncio.ensure_future(event.wait()) for event in (wake, self._closing)]
        try:
            done, _ = await asyncio.wait(
                waits, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    async def _send(
        self, response: web.StreamResponse, target: Target, wanted: Wanted, word: str, obj: Json
    ) -> None:
        shown = self._presenter.one(target.resource, obj, wanted)
        await response.write(dump({"type": word, "object": shown}))

    async def _bookmark(
        self,
        response: web.StreamResponse,
        target: Target,
        version: int,
        initial: bool = False,
    ) -> None:
        meta: Json = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj = {
            "kind": target.resource.kind,
            "apiVersion": target.resource.api_version,
            "metadata": meta,
        }
        await response.write(dump({"type": "BOOKMARK", "object": obj}))


def _event(change: Change, kind: str, test: Filter) -> tuple[str, Json] | None:
    """Return what a change looks like to a watcher with selectors."""
    if change.kind != kind:
        return None
    before = change.old is not None and test(change.old)
    after = change.new is not None and test(change.new)
    if after:
        return ("MODIFIED" if before else "ADDED"), change.last
    return ("DELETED", change.last) if before else None
