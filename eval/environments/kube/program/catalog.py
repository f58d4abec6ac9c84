"""The app's own registry: programs announce themselves there, callers look addresses up.

The registry keeps what it was told in memory, and drops who has not renewed for a while.
"""

from __future__ import annotations

import asyncio
import json
import time

from eval.apps.model import App, Service
from eval.environments.kube.program.dialling import CallFailed, Dialler, first_port, listening_port
from eval.environments.kube.program.wire import Message

REGISTER, DEREGISTER, HEALTH = (
    "/v1/agent/service/register",
    "/v1/agent/service/deregister/",
    "/v1/health/service/",
)
_LIFETIME_SECONDS = 12.0
_PERIOD_SECONDS = 3.0


class Catalog:
    """The registry's side: `answer` its requests."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, str, int, float]] = {}

    def answer(self, message: Message) -> Message | None:
        """Answer a registry request; None for any other."""
        if message.path == REGISTER:
            entry = json.loads(message.body)
            self._entries[entry["ID"]] = (
                entry["Name"],
                entry["Address"],
                entry["Port"],
                time.monotonic() + _LIFETIME_SECONDS,
            )
            return Message()
        if message.path.startswith(DEREGISTER):
            self._entries.pop(message.path.removeprefix(DEREGISTER), None)
            return Message()
        if message.path.startswith(HEALTH):
            wanted, now = message.path.removeprefix(HEALTH), time.monotonic()
            found = [
                {"Service": {"Address": address, "Port": port}}
                for name, address, port, until in self._entries.values()
                if name == wanted and until > now
            ]
            return Message(body=json.dumps(found).encode())
        return None


class Registered:
    """A program's side: it renews its own entry, and keeps the addresses that it calls."""

    def __init__(self, app: App, program: Service, dialler: Dialler, address: str) -> None:
        self._app = app
        self._program = program
        self._dialler = dialler
        self._address = address
        self._known: dict[str, list[tuple[str, int]]] = {}
        self._turn = 0

    @property
    def names(self) -> set[str]:
        """The callees that this program finds through the registry."""
        return {call.to for call in self._program.calls() if call.via == "registry"}

    async def keep(self) -> None:
        """Renew and look up, for ever. What the registry does not answer stays as it was."""
        while True:
            await self.renew()
            await asyncio.sleep(_PERIOD_SECONDS)

    async def renew(self) -> None:
        """Announce this program and look up its callees, once."""
        try:
            if self._program.registered_as:
                await self.announce()
            for name in self.names:
                wanted = self._app.services[name].registered_as
                answer = await self._ask(Message("GET", HEALTH + wanted))
                entries = [item["Service"] for item in json.loads(answer.body or b"[]")]
                self._known[name] = [(item["Address"], item["Port"]) for item in entries]
        except (CallFailed, ValueError):
            return

    async def announce(self) -> None:
        """Register this program. Raises `CallFailed`."""
        body = {
            "ID": self._address + self._program.name,
            "Name": self._program.registered_as,
            "Address": self._address,
            "Port": listening_port(self._program),
        }
        await self._ask(Message("PUT", REGISTER, body=json.dumps(body).encode()))

    async def withdraw(self) -> None:
        """Deregister this program, as its orderly end does."""
        if not self._program.registered_as:
            return
        try:
            await self._ask(Message("PUT", DEREGISTER + self._address + self._program.name))
        except CallFailed:
            return

    def pick(self, name: str) -> tuple[str, int] | None:
        """The next address of a callee, in turn; None when there is none."""
        known = self._known.get(name)
        if not known:
            return None
        self._turn += 1
        return known[self._turn % len(known)]

    def drop(self, name: str, address: tuple[str, int]) -> None:
        """Forget an address that does not answer, until the next look-up."""
        if address in self._known.get(name, ()):
            self._known[name] = [one for one in self._known[name] if one != address]

    async def _ask(self, message: Message) -> Message:
        registry = self._app.registry
        port = first_port(self._app.services[registry])
        return await self._dialler.request(registry, registry, port, message, 2.0)
