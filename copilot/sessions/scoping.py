"""Which part of the cluster a question is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from copilot.model.errors import ForbiddenError
from copilot.model.events import Event, InvestigationStarted
from copilot.model.scope import Scope, Window
from copilot.tools.scope import validate_scope
from copilot.tools.sources import Sources
from copilot.tools.wrap import wrapped

_SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
_WORKLOADS = ("Service", "Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True)
class Scoping:
    """Turns a question into a scope.

    Asked-for namespaces come first, then the session's last ones, then the configured ones, then
    the kubeconfig context's own, then every namespace that is not the cluster's own.
    """

    sources: Sources
    cluster: str
    namespaces: tuple[str, ...] = ()

    async def scope(self, text: str, history: Sequence[Event], asked: Scope | None) -> Scope:
        """Return the scope; raises `CopilotError` when it cannot be looked at."""
        last = next(
            (e.scope for e in reversed(history) if isinstance(e, InvestigationStarted)), None
        )
        window = asked.window if asked else Window.last(self.sources.clock.now())
        namespaces = asked.namespaces if asked else ()
        namespaces = namespaces or self._mentioned_namespaces(text, await self._known(), last)
        services = asked.services if asked else ()
        scope = Scope(self.cluster, namespaces, window, services)
        scope = await validate_scope(self.sources, scope)
        if not services and text:
            names = await self._services(scope.namespaces)
            scope = Scope(self.cluster, scope.namespaces, window, mentioned(text, names))
        return scope

    async def _known(self) -> tuple[str, ...]:
        if self.namespaces:
            return self.namespaces
        cluster = self.sources.cluster
        own = getattr(cluster, "default_namespace", "")
        if (own and own != "default") or cluster is None:
            return (own,) if own else ()
        try:
            with wrapped():
                found = await cluster.list("Namespace")
        except ForbiddenError:
            return ("default",)
        return tuple(n for item in found if (n := item["metadata"]["name"]) not in _SYSTEM)

    def _mentioned_namespaces(
        self, text: str, known: tuple[str, ...], last: Scope | None
    ) -> tuple[str, ...]:
        return mentioned(text, known) or (last.namespaces if last else known)

    async def _services(self, namespaces: tuple[str, ...]) -> set[str]:
        if self.sources.cluster is None:
            return set()
        names: set[str] = set()
        with wrapped():
            for namespace in namespaces:
                for kind in _WORKLOADS:
                    found = await self.sources.cluster.list(kind, namespace)
                    names.update(item["metadata"]["name"] for item in found)
        return names


def mentioned(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of `names` that `text` mentions as whole words, in their order."""
    words = set(re.findall(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?", text.lower()))
    return tuple(sorted(name for name in set(names) if name.lower() in words))
