"""Runs controllers: store changes make keys dirty, dirty keys are reconciled until none is left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from eval.environments.emulator.cluster.clock import Timer, VirtualClock
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import Key
from eval.environments.emulator.cluster.store import Change, Store

_LIMIT = 200_000
_RETRY_SECONDS = 0.005
_RETRY_LIMIT = 1000.0


class Controller(Protocol):
    """Something that brings the cluster closer to what one object asks for."""

    @property
    def watches(self) -> tuple[str, ...]:
        """The kinds whose changes concern it."""
        ...

    def affected(self, change: Change) -> Iterable[Key]:
        """Say which of its own keys a change makes dirty."""
        ...

    def reconcile(self, key: Key) -> None:
        """Do what is missing for `key`. Called again when something changes."""
        ...


class Manager:
    """The controllers' one work queue, in the order in which keys became dirty."""

    def __init__(self, clock: VirtualClock, store: Store) -> None:
        self._clock = clock
        self._by_kind: dict[str, list[Controller]] = {}
        self._queue: deque[tuple[Controller, Key]] = deque()
        self._queued: set[tuple[int, Key]] = set()
        self._failures: dict[tuple[int, Key], int] = {}
        self._settling = False
        store.subscribe(self._changed)

    def register(self, controller: Controller) -> None:
        """Let a controller take part."""
        for kind in controller.watches:
            self._by_kind.setdefault(kind, []).append(controller)

    def enqueue(self, controller: Controller, key: Key) -> None:
        """Make a key dirty."""
        mark = (id(controller), key)
        if mark not in self._queued:
            self._queued.add(mark)
            self._queue.append((controller, key))

    def later(self, seconds: float, controller: Controller, key: Key) -> Timer:
        """Make a key dirty after some virtual time."""
        return self.at(seconds, lambda: self.enqueue(controller, key))

    def at(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back after some virtual time, and let the controllers react."""

        def run() -> None:
            callback()
            self.settle()

        return self._clock.call_later(seconds, run)

    def settle(self) -> None:
        """Reconcile until nothing is dirty. Raises RuntimeError when controllers never agree."""
        if self._settling:
            return
        self._settling = True
        try:
            for _ in range(_LIMIT):
                if not self._queue:
                    return
                controller, key = self._queue.popleft()
                self._queued.discard((id(controller), key))
                self._reconcile(controller, key)
            raise RuntimeError(f"controllers do not settle; last was {type(controller).__name__}")
        finally:
            self._settling = False

    def _reconcile(self, controller: Controller, key: Key) -> None:
        mark = (id(controller), key)
        try:
            controller.reconcile(key)
        except ApiError:
            # the API server refused a write: try again, less and less often
            failures = self._failures.get(mark, 0)
            self._failures[mark] = failures + 1
            self.later(min(_RETRY_SECONDS * 2 ** min(failures, 20), _RETRY_LIMIT), controller, key)
        else:
            self._failures.pop(mark, None)

    def _changed(self, change: Change) -> None:
        for controller in self._by_kind.get(change.kind, ()):
            for key in controller.affected(change):
                self.enqueue(controller, key)
