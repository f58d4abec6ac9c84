"""Puts the core together for one cluster, from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from connectors.api.protocols import ClusterReader
from connectors.kubernetes.settings import KubernetesSettings
from copilot.config.settings import Settings
from copilot.evidence.engine import EvidenceEngine
from copilot.mitigation.door import Door
from copilot.mitigation.policy import Policy
from copilot.mitigation.verify import Verification
from copilot.model.clock import Clock, SystemClock
from copilot.sessions.answering import answerer
from copilot.sessions.approvals import DatabaseLedger
from copilot.sessions.database import open_database
from copilot.sessions.history import DatabaseHistory
from copilot.sessions.knowledge import LazyKnowledge
from copilot.sessions.scoping import Scoping
from copilot.sessions.session import Answerer, Session
from copilot.sessions.sources import open_sources
from copilot.sessions.store import SessionStore
from copilot.tools.redact import allow
from copilot.tools.registry import Definition
from copilot.tools.sources import Sources
from copilot.tools.toolsets import opened
from copilot.tools.wrap import wrapped


@dataclass(frozen=True, slots=True)
class Copilot:
    """The assembled core. Sessions made from it share its connections."""

    settings: Settings
    sources: Sources
    store: SessionStore
    ledger: DatabaseLedger
    answerer: Answerer
    engine: EvidenceEngine
    scoping: Scoping
    knowledge: LazyKnowledge
    door: Door | None
    toolsets: tuple[Definition, ...] = ()
    """Tools of the team's own, from the settings."""

    def start(self, *, title: str = "", user: str = "") -> Session:
        """Begin a new session."""
        return self._session(self.store.create(self.sources.clock.now(), title=title, user=user))

    def thread(self, reference: str, *, title: str = "", user: str = "") -> Session:
        """Go on with the session that a surface knows by `reference`, or begin it."""
        known = self.store.by_reference(reference)
        return self._session(
            known
            or self.store.create(
                self.sources.clock.now(), title=title, user=user, reference=reference
            )
        )

    def resume(self, session: str) -> Session:
        """Go on with a stored session; raises `NotFoundError` when it is unknown."""
        return self._session(self.store.info(session).id)

    def _session(self, id: str) -> Session:
        return Session(
            id,
            self.store,
            self.answerer,
            self.scoping,
            self.sources.clock,
            self.door,
            self.settings.model.team,
        )


@asynccontextmanager
async def assemble(
    settings: Settings, *, clock: Clock | None = None, remember: bool = False
) -> AsyncIterator[Copilot]:
    """Open what the settings name. Raises `CopilotError` when the cluster cannot be reached.

    `clock` is given where "now" is not the machine's: on an emulated cluster, whose objects are only
    remembered from look to look when `remember` says so.
    """
    real = clock is None
    clock = clock or SystemClock()
    allow(settings.redaction.allow)
    async with AsyncExitStack() as stack:
        toolsets = await stack.enter_async_context(opened(settings.toolsets))
        engine = await asyncio.to_thread(open_database, settings.state.database_url)
        stack.callback(engine.dispose)
        cluster = await _cluster(settings, stack)
        knowledge = LazyKnowledge(engine, settings)
        stack.push_async_callback(knowledge.close)
        sources = open_sources(settings, clock, cluster, knowledge, stack)
        if settings.state.remember_days and (real or remember):
            history = DatabaseHistory(engine, settings.state.remember_days)
            sources = replace(sources, history=history)
        # What happens on an emulated cluster is nothing to remember.
        evidence = EvidenceEngine(sources, learn=knowledge.learn if real else None)
        ledger = DatabaseLedger(engine)
        door = await _door(settings, stack, sources, evidence, ledger)
        context = getattr(cluster, "context", "") or "cluster"
        yield Copilot(
            settings,
            sources,
            SessionStore(engine),
            ledger,
            answerer(settings, sources, evidence, toolsets),
            evidence,
            Scoping(sources, context, settings.cluster.namespaces),
            knowledge,
            door,
            toolsets,
        )


def kubernetes_settings(settings: Settings) -> KubernetesSettings:
    """Return the connector's own settings."""
    section = settings.cluster
    return KubernetesSettings(
        section.kubeconfig,
        section.context,
        section.timeout,
        user=section.user,
        groups=section.groups,
        rights=section.rights,
    )


async def _cluster(settings: Settings, stack: AsyncExitStack) -> ClusterReader:
    from connectors.kubernetes.reader import open_reader

    with wrapped():
        reader = await open_reader(kubernetes_settings(settings))
    stack.push_async_callback(reader.close)
    return reader


async def _door(
    settings: Settings,
    stack: AsyncExitStack,
    sources: Sources,
    engine: EvidenceEngine,
    ledger: DatabaseLedger,
) -> Door | None:
    section = settings.mitigation
    if not section.enabled or sources.cluster is None:
        return None
    from connectors.kubernetes.writer import open_writer

    with wrapped():
        writer = await open_writer(kubernetes_settings(settings))
    stack.push_async_callback(writer.close)
    return Door(
        sources.cluster,
        writer,
        ledger,
        sources.clock,
        engine.symptoms,
        policy=Policy(section.enabled, section.protected_namespaces, section.max_replicas),
        verification=Verification(section.verify_seconds),
    )
