"""What `exec_shell` needs of a cluster beyond reading objects, and how words name its resources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from connectors.api.values import Json
from copilot.tools.context import Context
from copilot.tools.shell.kubectl import Call
from copilot.tools.shell.words import Refused
from copilot.tools.wrap import told

_NAME = re.compile(r"[a-z0-9A-Z](?:[a-zA-Z0-9.:_-]{0,251}[a-zA-Z0-9])?")


class Served(Protocol):
    """A kind as the API server serves it."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def group(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def plural(self) -> str: ...  # noqa: D102
    @property
    def singular(self) -> str: ...  # noqa: D102
    @property
    def namespaced(self) -> bool: ...  # noqa: D102


class Ran(Protocol):
    """What a run of the kubectl binary printed."""

    @property
    def stdout(self) -> str: ...  # noqa: D102
    @property
    def stderr(self) -> str: ...  # noqa: D102
    @property
    def code(self) -> int: ...  # noqa: D102
    @property
    def cut(self) -> bool: ...  # noqa: D102


@runtime_checkable
class ShellCluster(Protocol):
    """A cluster that prints tables and runs kubectl with its own credentials."""

    @property
    def default_namespace(self) -> str:
        """The namespace that kubectl would use."""
        ...

    async def named(self, word: str) -> Sequence[Served]:
        """Return the resources that kubectl means by a word."""
        ...

    async def table(
        self,
        resource: Served,
        namespace: str | None,
        *,
        name: str = "",
        labels: str = "",
        fields: str = "",
        full: bool = False,
    ) -> Json:
        """Return objects as the server prints them."""
        ...

    async def kubectl(
        self, arguments: Sequence[str], *, seconds: float = 20.0, limit: int = 32 * 1024 * 1024
    ) -> Ran:
        """Run the pinned kubectl binary."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Objects that a command names: a kind, and their names (none: all of them)."""

    resource: Served
    names: tuple[str, ...] = ()

    @property
    def secret(self) -> bool:
        """Whether these are Secrets, whose values are never read."""
        return (self.resource.kind, self.resource.group) == ("Secret", "")

    @property
    def argument(self) -> str:
        """The resource as kubectl reads it, free of doubt: "deployments.v1.apps", "pods"."""
        one = self.resource
        return f"{one.plural}.{one.version}.{one.group}" if one.group else one.plural


def qualified(resource: Served) -> str:
    """Return the name by which our own client finds the kind."""
    return f"{resource.kind}.{resource.group}" if resource.group else resource.kind


def printed(resource: Served) -> str:
    """Return the name that kubectl prints before a slash: "deployment.apps", "pod"."""
    return f"{resource.singular}.{resource.group}" if resource.group else resource.singular


async def objects(cluster: ShellCluster, words: Sequence[str]) -> list[Wanted]:
    """Return what "TYPE NAME…", "TYPE,TYPE" or "TYPE/NAME…" mean. Raises `Refused`."""
    if any("/" in word for word in words):
        found: list[Wanted] = []
        for word in words:
            kind, slash, name = word.partition("/")
            if not slash:
                raise Refused(f'"{word}" beside a TYPE/NAME', "write all of them as TYPE/NAME")
            found.append(Wanted(await _resource(cluster, kind), (_name(name),)))
        return found
    names = tuple(map(_name, words[1:]))
    wanted: list[Wanted] = []
    for word in words[0].split(","):
        wanted += [Wanted(one, names) for one in await _resources(cluster, word)]
    return wanted


async def _resource(cluster: ShellCluster, word: str) -> Served:
    found = await _resources(cluster, word)
    if len(found) != 1:
        raise Refused(f'"{word}", which means several kinds', "name one kind")
    return found[0]


async def _resources(cluster: ShellCluster, word: str) -> Sequence[Served]:
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,200}", word):
        raise Refused(f'"{word}" as a kind')
    with told(f'find the kind "{word}"'):
        found = await cluster.named(word)
    if not found:
        raise Refused(
            f'the server does not have the kind "{word}"', "kubectl api-resources lists them"
        )
    return found


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise Refused(f'"{text}" as the name of an object')
    return text


def spaces(context: Context, call: Call, default: str) -> tuple[str, ...]:
    """Return the namespaces that a call may read, held to the scope.

    Without `-n` it is the connection's own namespace when the scope has it, else the scope's only one.
    """
    if call.on("all-namespaces"):
        return context.scope.namespaces
    name = call.flag("namespace")
    if name:
        return context.namespaces(name)
    if default in context.scope.namespaces:
        return (default,)
    return (context.namespace(),)
