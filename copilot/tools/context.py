"""What a tool function is given: the sources, held to the scope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from connectors.api.errors import SourceUnreachable
from connectors.api.protocols import ClusterReader, MetricsSource
from connectors.api.values import Json
from copilot.model.action import Action
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef, Scope
from copilot.tools.names import nearest
from copilot.tools.sources import Sources
from copilot.tools.tokens import Counter, counter
from copilot.tools.wrap import told
from retrieval.values import KnowledgeSource

Objects = list[Json]
Names = list[str]
Lists = dict[str, Objects]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of tool calls.

    `tokens` is the size of one result; `seconds` the time-out of one call; `memory` for how many
    seconds an identical call is answered without asking again, `lists` the same for one list of
    objects that several tools need; `log_reads` how many container logs one call may read; `model` whose
    tokens are counted.
    """

    tokens: int = 1500
    seconds: float = 30.0
    memory: float = 120.0
    lists: float = 10.0
    log_reads: int = 12
    model: str = ""

    @property
    def count(self) -> Counter:
        """What counts the tokens of a text for the `model`."""
        return counter(self.model)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a tool function gives back, before redaction and cutting to the budget.

    `text` is shaped for reading, the most important first; `raw` is what it was shaped from,
    kept with the evidence. `excerpt` is a verbatim part of `text` to quote. Without `start` and
    `end` the scope's window is the period covered.
    """

    source: Source
    query: str
    text: str
    raw: str = ""
    excerpt: str = ""
    objects: tuple[ObjectRef, ...] = ()
    caveats: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    proposals: tuple[Action, ...] = ()


@dataclass(slots=True)
class Context:
    """One investigation's view of its sources. Lists are shared between tools for a moment."""

    sources: Sources
    scope: Scope
    limits: Limits = Limits()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    _lists: dict[tuple[str, str], tuple[datetime, Objects]] = field(default_factory=dict)
    _locks: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The present instant on the investigation's clock."""
        return self.sources.clock.now()

    @property
    def cluster(self) -> ClusterReader:
        """The cluster. Raises `NotAvailable` when none is configured."""
        return _configured(self.sources.cluster, "Kubernetes cluster", "kubernetes.kubeconfig")

    @property
    def metrics(self) -> MetricsSource:
        """The metrics store. Raises `NotAvailable` when none is configured."""
        return _configured(self.sources.metrics, "Prometheus", "prometheus.url")

    @property
    def knowledge(self) -> KnowledgeSource:
        """The runbooks and past incidents. Raises `NotAvailable` when there are none."""
        return _configured(self.sources.knowledge, "knowledge index", "`index add`")

    def namespaces(self, namespace: str = "") -> tuple[str, ...]:
        """Return the namespaces that a call means: the one named, or all of the scope's."""
        allowed = self.scope.namespaces
        if not namespace:
            return allowed
        if namespace in allowed:
            return (namespace,)
        raise CorrectYourCall(
            f'The namespace "{namespace}" is outside this investigation;'
            f" it may read: {', '.join(allowed)}.",
            nearest(namespace, allowed),
        )

    def namespace(self, namespace: str = "") -> str:
        """Return the one namespace that a call means."""
        chosen = self.namespaces(namespace)
        if len(chosen) == 1:
            return chosen[0]
        raise CorrectYourCall(f"Say which namespace: {', '.join(chosen)}.")

    async def within(self, asked: Awaitable[_T], what: str, share: float = 0.6) -> _T:
        """Wait for one of several sources no longer than a share of the call's time.

        Raises `SourceUnreachable` then, so that the others can still be told of.
        """
        seconds = self.limits.seconds * share
        try:
            return await asyncio.wait_for(asked, seconds)
        except TimeoutError:
            raise SourceUnreachable(f"{what}: no answer within {seconds:g} s") from None

    async def list(self, kind: str, namespace: str = "") -> Objects:
        """Return the objects of `kind` in `namespace` ("" for cluster-wide kinds).

        Tools that need the same list within a moment share one call.
        """
        key = (kind, namespace)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._lists.get(key)
            if known is None or self.now - known[0] > timedelta(seconds=self.limits.lists):
                with told(f"list {kind}"):
                    objects = await self.cluster.list(kind, namespace or None)
                known = self._lists[key] = (self.now, objects)
        return known[1]

    async def select(self, kind: str, namespace: str, labels: str) -> Objects:
        """Return the objects that a label selector picks, as the server reads it."""
        with told(f"list {kind} with the selector {labels}"):
            return await self.cluster.list(kind, namespace or None, labels=labels)

    async def try_lists(self, kinds: Sequence[str], namespace: str, caveats: Names) -> Lists:
        """Return the objects of each kind; what cannot be had is left out, with a caveat.

        Raises `NotAvailable` when nothing at all can be had.
        """
        missed: Names = []
        found = await asyncio.gather(*(self.try_list(kind, namespace, missed) for kind in kinds))
        if len(missed) == len(kinds):
            # The same question again, for the whole reason.
            await self.list(kinds[0], namespace)
        caveats += missed
        pairs = zip(kinds, found, strict=True)
        return {kind: items for kind, items in pairs if items is not None}

    async def try_list(self, kind: str, namespace: str, caveats: Names) -> Objects | None:
        """Like `list`; what cannot be had is None and a caveat instead of an error."""
        try:
            return await self.list(kind, namespace)
        except NotAvailable as error:
            caveats.append(f"{kind}s not seen: {str(error).partition(': ')[0]}")
            return None
        except CorrectYourCall:
            # An old or small API server does not serve the kind: then there are none.
            return []


def _configured(source: _T | None, what: str, setting: str) -> _T:
    if source is None:
        raise NotAvailable(f"No {what} is configured (setting: {setting}).")
    return source


def kubectl(namespaces: Sequence[str], *words: str) -> str:
    """Return the kubectl command that a person would repeat a query with."""
    prefix = [f"kubectl -n {namespace} {' '.join(words)}" for namespace in namespaces]
    return "; ".join(prefix) if prefix else f"kubectl {' '.join(words)}"
