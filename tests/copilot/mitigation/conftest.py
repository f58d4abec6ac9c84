"""The door in front of a real API server: the emulator's, through the real client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.api.values import Json
from copilot.mitigation.door import Door
from copilot.model.action import Action, Mitigation, Risk
from copilot.model.diagnosis import Diagnosis, Finding, RootCause, Severity, Verdict
from copilot.model.events import Event
from copilot.model.scope import ObjectRef, Scope, Window
from copilot.sessions.approvals import DatabaseLedger
from copilot.sessions.database import open_database
from copilot.sessions.store import SessionStore
from eval.environments.emulator.environment import Emulator


@dataclass
class Rig:
    """A door, the cluster behind it, and what is wrong as its users see it."""

    environment: Emulator
    ledger: DatabaseLedger
    session: str
    broken: ObjectRef
    worse: bool = False

    @property
    def scope(self) -> Scope:
        return Scope(
            "emulator", (self.broken.namespace,), Window.last(self.environment.clock.now())
        )

    async def symptoms(self, _scope: Scope) -> tuple[Finding, ...]:
        found = []
        if not await self.environment.healthy():
            found.append(
                Finding("users.errors", self.broken, Severity.CRITICAL, "errors", ("ev-1",))
            )
        if self.worse:
            other = ObjectRef("Service", self.broken.namespace, "other")
            found.append(Finding("users.errors", other, Severity.CRITICAL, "new", ("ev-2",)))
        return tuple(found)

    @property
    def door(self) -> Door:
        e = self.environment
        return Door(e.reader, e.writer, self.ledger, e.clock, self.symptoms)

    def diagnosis(self, action: Action) -> tuple[Diagnosis, Mitigation]:
        mitigation = Mitigation(
            "m", "some.cause", "Do it", action, Risk.LOW, "undo it", "kubectl …"
        )
        cause = RootCause(action.object, "some.cause", "why", 0.9, ("ev-1",))
        finding = Finding("users.errors", self.broken, Severity.CRITICAL, "errors", ("ev-1",))
        return Diagnosis(
            Verdict.INCIDENT, "x", self.scope, (cause,), (finding,), mitigations=(mitigation,)
        ), mitigation

    async def propose(self, action: Action) -> str:
        return (await self.door.propose(self.session, *self.diagnosis(action))).id

    async def decide(self, approval: str, *, approved: bool = True) -> list[Event]:
        return [e async for e in self.door.decide(approval, approved=approved, by="ann")]

    async def get(self, ref: ObjectRef) -> Json:
        return await self.environment.reader.get(ref.kind, ref.namespace, ref.name)


@pytest.fixture
async def environment() -> AsyncIterator[Emulator]:
    emulator = await Emulator.start("social_network", warmup_seconds=120)
    yield emulator
    await emulator.close()


@pytest.fixture
def rig(environment: Emulator, tmp_path: Path) -> Rig:
    engine = open_database(f"sqlite:///{tmp_path}/copilot.db")
    session = SessionStore(engine).create(environment.clock.now())
    broken = ObjectRef("Service", environment.namespace, "text-service")
    return Rig(environment, DatabaseLedger(engine), session, broken)
