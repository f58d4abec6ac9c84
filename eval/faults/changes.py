"""What faults are made of: changes of an environment that can be taken back.

A change remembers nothing. What was good is what the environment says was deployed, so that a
fault can be recovered, and judged, by another process than the one that injected it. Each change
touches and judges only its own fields, so that several faults can be active on one object.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from connectors.api.errors import SourceMissing, SourceRejected
from connectors.api.values import Json
from eval.apps.stores_api import StoreRefused
from eval.faults import objects
from eval.faults.paths import ABSENT, Difference, covers, differences, json_patch, put, value_at
from eval.protocols import Environment

_CONFLICTS = 5
_QUIET_SECONDS = 60.0


class Change(Protocol):
    """One step of a fault."""

    async def apply(self, environment: Environment) -> None:
        """Make it."""
        ...

    async def undo(self, environment: Environment) -> None:
        """Take it back. Does nothing where somebody did already."""
        ...

    async def gone(self, environment: Environment) -> bool:
        """Whether it is taken back, by whomever and however."""
        ...


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes fields of an object as `breaks` does it to a copy.

    A `fresh` one deletes the object and creates it anew with the change, so that no old pods stay.
    It is gone when none of the fields has its bad value any more and `accepts` agrees; an `exact`
    one when all fields have their good values again; one that is not `judged` by its fields, when
    `accepts` agrees.
    """

    kind: str
    name: str
    breaks: Callable[[Json], None]
    fresh: bool = False
    exact: bool = False
    accepts: Callable[[Json], bool] | None = None
    namespace: str | None = None
    judged: bool = True

    async def apply(self, environment: Environment) -> None:
        """Patch the object, or replace it by a new one."""
        if not self.fresh:
            await self._change(environment, self.breaks)
            return
        namespace = _namespace(environment, self.namespace)
        body = objects.plain(await environment.reader.get(self.kind, namespace, self.name))
        self.breaks(body)
        await environment.writer.delete(self.kind, namespace, self.name)
        await objects.until_gone(environment, self.kind, namespace, self.name)
        await environment.writer.create(self.kind, namespace, body)

    async def undo(self, environment: Environment) -> None:
        """Set the fields to what was deployed; create the object if it is not there."""
        good = objects.as_deployed(environment, self.kind, self.name)
        mine = self._fields(environment)

        def mend(live: Json) -> None:
            for difference in mine:
                put(live, difference.path, deepcopy(difference.good))

        try:
            await self._change(environment, mend)
        except SourceMissing:
            namespace = _namespace(environment, self.namespace)
            await environment.writer.create(self.kind, namespace, good)

    async def gone(self, environment: Environment) -> bool:
        """Look at the fields."""
        namespace = _namespace(environment, self.namespace)
        try:
            live = await environment.reader.get(self.kind, namespace, self.name)
        except SourceMissing:
            return False
        if live["metadata"].get("deletionTimestamp"):
            return False
        if self.accepts is not None and not self.accepts(live):
            return False
        for difference in self._fields(environment) if self.judged else ():
            value = value_at(live, difference.path)
            if self.exact and difference.good is not ABSENT:
                if not covers(value, difference.good):
                    return False
            elif covers(value, difference.bad):
                return False
        return True

    def _fields(self, environment: Environment) -> list[Difference]:
        good = objects.as_deployed(environment, self.kind, self.name)
        bad = deepcopy(good)
        self.breaks(bad)
        return differences(good, bad)

    async def _change(self, environment: Environment, change: Callable[[Json], None]) -> None:
        """Send the change as a JSON patch that insists on the version that it was made for."""
        namespace = _namespace(environment, self.namespace)
        for attempt in range(_CONFLICTS):
            old = await environment.reader.get(self.kind, namespace, self.name)
            new = deepcopy(old)
            change(new)
            patch = json_patch(old, new)
            if not patch:
                return
            version = {"op": "test", "path": "/metadata/resourceVersion"}
            patch.insert(0, {**version, "value": old["metadata"]["resourceVersion"]})
            try:
                await environment.writer.patch(self.kind, namespace, self.name, patch, type="json")
            except SourceRejected:
                if attempt == _CONFLICTS - 1:
                    raise
            else:
                return


@dataclass(frozen=True, slots=True)
class Add:
    """Creates an object. It is gone with the object, or when `accepts` takes what became of it."""

    kind: str
    body: Mapping[str, object]
    namespace: str | None = None
    accepts: Callable[[Json], bool] | None = None

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.body["metadata"]["name"])  # type: ignore[index]

    async def apply(self, environment: Environment) -> None:
        """Create it."""
        namespace = _namespace(environment, self.namespace)
        await environment.writer.create(self.kind, namespace, deepcopy(dict(self.body)))

    async def undo(self, environment: Environment) -> None:
        """Delete it."""
        namespace = _namespace(environment, self.namespace)
        await objects.delete(environment, self.kind, namespace, self.name)

    async def gone(self, environment: Environment) -> bool:
        """Look for it."""
        namespace = _namespace(environment, self.namespace)
        try:
            live = await environment.reader.get(self.kind, namespace, self.name)
        except SourceMissing:
            return True
        return self.accepts is not None and self.accepts(live)


@dataclass(frozen=True, slots=True)
class Remove:
    """Deletes an object of the app. It is gone when such an object is there again."""

    kind: str
    name: str

    async def apply(self, environment: Environment) -> None:
        """Delete it."""
        await objects.delete(environment, self.kind, environment.namespace, self.name)

    async def undo(self, environment: Environment) -> None:
        """Create it as it was deployed."""
        if not await self.gone(environment):
            body = objects.as_deployed(environment, self.kind, self.name)
            await environment.writer.create(self.kind, environment.namespace, body)

    async def gone(self, environment: Environment) -> bool:
        """Look for it; a claim must be bound."""
        try:
            live = await environment.reader.get(self.kind, environment.namespace, self.name)
        except SourceMissing:
            return False
        return not live["metadata"].get("deletionTimestamp") and (
            self.kind != "PersistentVolumeClaim" or live["status"].get("phase") == "Bound"
        )


@dataclass(frozen=True, slots=True)
class Finalize:
    """Deletes an object of the app that a finalizer holds back, so that it stays half deleted."""

    kind: str
    name: str
    finalizer: str

    async def apply(self, environment: Environment) -> None:
        """Add the finalizer, then delete the object."""
        await self._finalizers(environment, [self.finalizer])
        await objects.delete(environment, self.kind, environment.namespace, self.name)

    async def undo(self, environment: Environment) -> None:
        """Remove the finalizer, which ends the object, and create it as it was deployed."""
        if await self.gone(environment):
            return
        await self._finalizers(environment, None)
        await objects.until_gone(environment, self.kind, environment.namespace, self.name)
        body = objects.as_deployed(environment, self.kind, self.name)
        await environment.writer.create(self.kind, environment.namespace, body)

    async def gone(self, environment: Environment) -> bool:
        """Whether the object is there and stays."""
        try:
            live = await environment.reader.get(self.kind, environment.namespace, self.name)
        except SourceMissing:
            return False
        return not live["metadata"].get("deletionTimestamp")

    async def _finalizers(self, environment: Environment, names: list[str] | None) -> None:
        patch: Json = {"metadata": {"finalizers": names}}
        try:
            await environment.writer.patch(self.kind, environment.namespace, self.name, patch)
        except SourceMissing:
            return


@dataclass(frozen=True, slots=True)
class Restart:
    """Deletes the pods of a workload, so that new ones start, in both directions.

    It is gone when the workload has all that it wants.
    """

    name: str
    kind: str = "Deployment"

    async def apply(self, environment: Environment) -> None:
        """Delete the pods."""
        await objects.delete_pods(environment, self.name, self.kind)

    async def undo(self, environment: Environment) -> None:
        """Delete the pods, for the others to start with what was mended."""
        await objects.delete_pods(environment, self.name, self.kind)

    async def gone(self, environment: Environment) -> bool:
        """Look at the workload."""
        return objects.available(await objects.workload(environment, self.name, self.kind))


@dataclass(frozen=True, slots=True)
class Administer:
    """Uses the administration of a part of the app, or of the hosts (`eval.apps.stores_api`).

    `check` changes nothing and is refused while the fault is there; where there is no such command,
    it is gone when users are served.
    """

    target: str
    command: str
    arguments: Mapping[str, str]
    undo_command: str
    undo_arguments: Mapping[str, str] = field(default_factory=dict)
    check: str = ""
    check_arguments: Mapping[str, str] = field(default_factory=dict)

    async def apply(self, environment: Environment) -> None:
        """Give the command."""
        await environment.administer(self.target, self.command, **self.arguments)

    async def undo(self, environment: Environment) -> None:
        """Give the opposite command."""
        if self.undo_command:
            await environment.administer(self.target, self.undo_command, **self.undo_arguments)

    async def gone(self, environment: Environment) -> bool:
        """Ask."""
        if not self.check:
            return await environment.healthy()
        try:
            await environment.administer(self.target, self.check, **self.check_arguments)
        except StoreRefused:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Poison:
    """Puts a message into a queue that its consumers cannot parse.

    Gone when the consumer has not complained about one for a minute.
    """

    broker: str
    topic: str
    consumer: str
    complaint: str

    async def apply(self, environment: Environment) -> None:
        """Publish it."""
        await environment.administer(self.broker, "publish_poison", topic=self.topic)

    async def undo(self, environment: Environment) -> None:
        """Skip it."""
        await environment.administer(self.broker, "skip_poison", topic=self.topic)

    async def gone(self, environment: Environment) -> bool:
        """Read the consumer's newest lines."""
        since = environment.clock.now() - timedelta(seconds=_QUIET_SECONDS)
        for pod in await objects.pods_of(environment, self.consumer):
            name = pod["metadata"]["name"]
            container = pod["spec"]["containers"][0]["name"]
            text = await environment.reader.logs(
                environment.namespace, name, container, since=since
            )
            if re.search(self.complaint, text):
                return False
        return True


@dataclass(frozen=True, slots=True)
class NamespaceLabel:
    """Labels the app's namespace. Gone when the label has another value."""

    key: str
    value: str

    async def apply(self, environment: Environment) -> None:
        """Set the label."""
        await self._label(environment, self.value)

    async def undo(self, environment: Environment) -> None:
        """Remove the label."""
        await self._label(environment, None)

    async def gone(self, environment: Environment) -> bool:
        """Look at the label."""
        found = await environment.reader.get("Namespace", "", environment.namespace)
        return (found["metadata"].get("labels") or {}).get(self.key) != self.value

    async def _label(self, environment: Environment, value: str | None) -> None:
        patch: Json = {"metadata": {"labels": {self.key: value}}}
        await environment.writer.patch("Namespace", "", environment.namespace, patch)


@dataclass(frozen=True, slots=True)
class SecretValue:
    """Sets a key of a Secret, whose values cannot be read back: gone when users are served."""

    secret: str
    key: str
    good: str
    bad: str

    async def apply(self, environment: Environment) -> None:
        """Write the bad value."""
        await self._write(environment, self.bad)

    async def undo(self, environment: Environment) -> None:
        """Write the good value."""
        await self._write(environment, self.good)

    async def gone(self, environment: Environment) -> bool:
        """Ask whether users are served."""
        return await environment.healthy()

    async def _write(self, environment: Environment, value: str) -> None:
        patch: Json = {"data": {self.key: base64.b64encode(value.encode()).decode()}}
        await environment.writer.patch("Secret", environment.namespace, self.secret, patch)


@dataclass(frozen=True, slots=True)
class Scenery:
    """A change that only sets the scene: a cure need not take it back."""

    change: Change

    async def apply(self, environment: Environment) -> None:
        """Make it."""
        await self.change.apply(environment)

    async def undo(self, environment: Environment) -> None:
        """Take it back."""
        await self.change.undo(environment)

    async def gone(self, environment: Environment) -> bool:
        """Return True."""
        return True


@dataclass(frozen=True, slots=True)
class Wait:
    """Lets time pass between two changes."""

    seconds: float

    async def apply(self, environment: Environment) -> None:
        """Sleep."""
        await environment.clock.sleep(self.seconds)

    async def undo(self, environment: Environment) -> None:
        """Do nothing."""

    async def gone(self, environment: Environment) -> bool:
        """Return True."""
        return True


def _namespace(environment: Environment, namespace: str | None) -> str:
    return environment.namespace if namespace is None else namespace


async def all_gone(environment: Environment, changes: tuple[Change, ...]) -> bool:
    """Whether all changes are taken back."""
    return all(await asyncio.gather(*(change.gone(environment) for change in changes)))
