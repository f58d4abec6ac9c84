"""A store: who may log in and do what, how many at once, and how it is administered."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from eval.apps.model import App, Service, Store
from eval.environments.emulator.traffic.failures import NO_USER, Failure, Kind
from eval.environments.emulator.traffic.languages.mongod import denial, login_lines
from eval.environments.emulator.traffic.processes import Process
from eval.environments.emulator.traffic.stores import Accounts, StoreState
from eval.environments.kube.program.journal import Journal, now
from eval.environments.kube.program.wire import Message, Peer

_FILE = "accounts.json"


class StoreServer:
    """What a store's program decides. Its accounts live on its volume, if it has one."""

    def __init__(self, app: App, program: Service, store: Store, journal: Journal) -> None:
        self._program = program
        self._store = store
        self._journal = journal
        self._accounts = Accounts(replace(app, services={program.name: program}))
        volumes = (Path(mount.path) for mount in program.mounts if mount.claim)
        self._folder = next((path for path in volumes if path.is_dir()), None)
        self._payload: bytearray = bytearray()
        self._changed = asyncio.Condition()
        self._open = 0
        self._numbers = 0
        self._load()

    @property
    def _state(self) -> StoreState:
        state = self._accounts.state(self._program.name)
        assert state is not None
        return state

    def opened(self, peer: Peer) -> bool:
        """Count a connection."""
        self._open += 1
        self._numbers += 1
        peer.number, peer.epoch = self._numbers, self._state.epoch
        return True

    def closed(self, peer: Peer) -> None:
        """A connection is gone."""
        self._open -= 1

    def outdated(self, peer: Peer) -> bool:
        """Whether the server has closed all connections since this one was opened."""
        return peer.epoch != self._state.epoch

    def log_in(self, message: Message, peer: Peer) -> Message:
        """Answer a client that introduces itself."""
        state, name = self._state, self._program.name
        user, password = message.headers.get("x-user", ""), message.headers.get("x-password")
        peer.user = user
        peer.client = message.headers.get("x-client", "client")
        peer.database = message.headers.get("x-database", "")
        if state.requires_tls:
            return self._refused("tls_required", "", peer)
        if state.max_connections and self._open > state.max_connections:
            return self._refused("too_many", "", peer)
        if not self._accounts.accepts(name, user, password):
            unknown = not self._accounts.knows(name, user)
            return self._refused("unauthenticated", NO_USER if unknown else "", peer)
        if self._program.language == "mongod":
            at, server = now(), self._journal.process
            for line in login_lines(server, self._client(peer), at, user, None):
                self._journal.write(line)
        return Message()

    async def allow(self, command: str, peer: Peer) -> Message | None:
        """Return the refusal of a command, None when it may run. A locked table makes it wait."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._state.locks(command))
        if not self._accounts.knows(self._program.name, peer.user):
            return self._refused("unauthenticated", NO_USER, peer)
        if not self._accounts.allows(self._program.name, peer.user, peer.database):
            return self._refused("denied", command, peer)
        return None

    async def administer(self, command: str, arguments: dict[str, str]) -> None:
        """Run one of `eval.apps.stores_api`'s commands. Raises `StoreRefused`."""
        self._accounts.administer(self._program.name, command, **arguments)
        self._payload = bytearray(b"\x01") * int(self._state.filled_mb * 2**20)
        self._save()
        async with self._changed:
            self._changed.notify_all()

    def _refused(self, kind: Kind, detail: str, peer: Peer) -> Message:
        failure = Failure(
            kind,
            self._program.name,
            self._program.ports[0].port,
            detail=detail,
            engine=self._store.engine,
            database=peer.database,
            user=peer.user,
        )
        for line in self._refusal_lines(failure, peer):
            self._journal.write(line)
        return Message(status=401, headers={"x-refusal": kind}, body=detail.encode())

    def _refusal_lines(self, failure: Failure, peer: Peer) -> list[str]:
        server, client, at = self._journal.process, self._client(peer), now()
        if self._program.language != "mongod":
            return self._journal.dialect.refused_lines(server, client, at, peer.user, failure)
        if failure.kind == "denied":
            return [denial(at, f"conn{peer.number}", failure)]
        if failure.kind == "unauthenticated":
            return login_lines(server, client, at, peer.user, failure)
        return []

    def _client(self, peer: Peer) -> Process:
        pod = {
            "metadata": {"name": peer.client, "uid": peer.client},
            "status": {"podIP": peer.address},
        }
        at = now()
        return Process(self._program, pod, peer.client, at, at)

    def _load(self) -> None:
        if self._folder and (self._folder / _FILE).is_file():
            kept = json.loads((self._folder / _FILE).read_text("utf-8"))
            self._state.users, self._state.passwords = kept["users"], kept["passwords"]

    def _save(self) -> None:
        if self._folder:
            kept = {"users": self._state.users, "passwords": self._state.passwords}
            (self._folder / _FILE).write_text(json.dumps(kept), "utf-8")
