"""The administration of an app's parts and of the hosts under it (`eval.apps.stores_api`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from eval.apps.model import App
from eval.apps.stores_api import StoreRefused
from eval.environments.emulator.traffic.hosts import RESOURCES, Hosts, Resource
from eval.environments.emulator.traffic.processes import Processes
from eval.environments.emulator.traffic.queues import Queues
from eval.environments.emulator.traffic.stores import Accounts
from eval.environments.emulator.traffic.surroundings import AppCluster

_KILLED = 137


class Administration:
    """Runs the commands of an app's administrators, and of whoever runs the machines."""

    def __init__(
        self, app: App, accounts: Accounts, queues: Queues, hosts: Hosts, processes: Processes
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._queues = queues
        self._hosts = hosts
        self._processes = processes
        self._cluster: AppCluster | None = None
        self._commands: dict[str, Callable[[str, dict[str, str]], None]] = {
            "impair": self._impair,
            "kill": self._kill,
            "fail": self._fail,
            "exhaust": self._exhaust,
            "relieve": self._relieve,
            "clock": self._clock,
        }

    def attach(self, cluster: AppCluster) -> None:
        """Say which cluster the app runs in."""
        self._cluster = cluster

    def run(self, target: str, command: str, **arguments: object) -> None:
        """Run one command on a service. Raises `StoreRefused`, saying why."""
        if target not in self._app.services:
            known = ", ".join(self._app.services)
            raise StoreRefused(f'app {self._app.name} has no service "{target}": {known}')
        given = {key: str(value) for key, value in arguments.items()}
        if command in ("publish_poison", "skip_poison"):
            self._queues.administer(target, command, given.get("topic", ""))
        elif command in self._commands:
            self._commands[command](target, given)
        else:
            self._accounts.administer(target, command, **given)
            if command in ("fill", "drain"):
                self._refill(target)

    def _refill(self, target: str) -> None:
        state = self._accounts.state(target)
        for process in self._processes.of_service(target):
            process.filled_mb = state.filled_mb if state else 0.0

    def _impair(self, target: str, given: dict[str, str]) -> None:
        delay, loss = _number(given, "delay_ms", 0.0), _number(given, "loss", 0.0)
        if delay < 0 or not 0 <= loss <= 1:
            raise StoreRefused(f"impair takes delay_ms of 0 or more and loss from 0 to 1: {given}")
        condition = self._hosts.change(target)
        condition.delay_ms, condition.loss = delay, loss

    def _kill(self, target: str, given: dict[str, str]) -> None:
        self._end(target, 1)

    def _fail(self, target: str, given: dict[str, str]) -> None:
        assert self._cluster is not None
        seconds = _number(given, "seconds", 100.0)
        condition = self._hosts.change(target)
        if seconds <= 0:
            condition.fails_until = None
            return
        condition.fails_until = self._cluster.now() + timedelta(seconds=seconds)
        self._end(target, None)

    def _end(self, target: str, count: int | None) -> None:
        assert self._cluster is not None
        running = self._processes.of_service(target)
        if not running:
            raise StoreRefused(f"no process of {target} runs")
        for process in running[:count]:
            self._processes.remove(process)
            self._cluster.terminate(process.pod, process.container, _KILLED)

    def _exhaust(self, target: str, given: dict[str, str]) -> None:
        self._hosts.change(target).exhausted.add(_resource(given))
        # what floods a host leaves no connection in peace
        for process in self._processes.of_service(target):
            process.connections.clear()

    def _relieve(self, target: str, given: dict[str, str]) -> None:
        self._hosts.change(target).exhausted.discard(_resource(given))

    def _clock(self, target: str, given: dict[str, str]) -> None:
        seconds = _number(given, "seconds", 0.0)
        self._hosts.change(target).clock_seconds = seconds
        for process in self._processes.of_service(target):
            process.clock_seconds = seconds


def _number(given: dict[str, str], name: str, default: float) -> float:
    try:
        return float(given.get(name, default))
    except ValueError:
        raise StoreRefused(f'"{name}" has to be a number: {given[name]}') from None


def _resource(given: dict[str, str]) -> Resource:
    for resource in RESOURCES:
        if given.get("what") == resource:
            return resource
    raise StoreRefused(f'"what" is one of {", ".join(RESOURCES)}')
