"""Connections to other programs: names resolved, sockets opened, kept and renewed; what fails is named."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from eval.apps.model import App, Call, Service
from eval.environments.emulator.traffic.failures import Failure, Kind
from eval.environments.kube.program import wire
from eval.environments.kube.program.wire import Closed, Message

LOGIN = "/.login"
_NO_SOCKET = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS)
_UNREACHABLE = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH)
_SLOW_SECONDS = 1.5
_KEEPING = ("mongodb", "memcached", "postgresql", "mysql")


@dataclass(slots=True)
class Connection:
    """One open connection, since when, and to which address."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    since: float
    used: bool = False


class CallFailed(Exception):
    """A call did not succeed; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class _Where:
    """A service, and the host and port at which its caller looks for it."""

    to: str
    host: str
    port: int


@dataclass(slots=True)
class _Idle:
    connections: list[Connection] = field(default_factory=list)


class Dialler:
    """Makes requests of one program to the app's other programs."""

    def __init__(
        self, app: App, program: Service, dials: Callable[[str], str], domain: str = ""
    ) -> None:
        self._app = app
        self._program = program
        self._dials = dials
        self._domain = domain
        self._idle: dict[tuple[str, str, int], _Idle] = {}

    def address(self, call: Call) -> tuple[str, int]:
        """The host and port that a call goes to, as the container's environment has it."""
        target = self._app.services[call.to]
        port = call.port or first_port(target)
        given = self._dials(call.to) or (os.environ.get(call.env, "") if call.env else "")
        return host_port(given, port) if given else (call.to + self._domain, port)

    async def request(
        self, to: str, host: str, port: int, message: Message, timeout: float
    ) -> Message:
        """Send a request on a standing or a new connection. Raises `CallFailed`."""
        where = _Where(to, host, port)
        idle = self._idle.setdefault((to, host, port), _Idle()).connections
        end = time.monotonic() + timeout
        while True:
            connection = self._standing(to, idle)
            if connection is None:
                connection = await self._open(where, timeout)
            try:
                async with asyncio.timeout(max(0.01, end - time.monotonic())):
                    answer = await wire.exchange(connection.reader, connection.writer, message)
            except TimeoutError as error:
                connection.writer.close()
                failure = self._of("timeout", where, connection.address)
                raise CallFailed(replace(failure, after_ms=timeout * 1000)) from error
            except (OSError, ValueError) as error:
                connection.writer.close()
                if connection.used and isinstance(error, ConnectionError):
                    continue  # it was closed while idle: a client library dials again
                raise CallFailed(self._of(kind_of(error), where, connection.address)) from error
            except BaseException:
                connection.writer.close()
                raise
            connection.used = True
            idle.append(connection)
            return answer

    async def close(self) -> None:
        """Close all standing connections."""
        for idle in self._idle.values():
            while idle.connections:
                writer = idle.connections.pop().writer
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def _standing(self, to: str, idle: list[Connection]) -> Connection | None:
        lifetime = self._lifetime(to)
        while idle:
            connection = idle.pop()
            fresh = lifetime is None or time.monotonic() < connection.since + lifetime
            if fresh and not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.writer.close()
        return None

    def _lifetime(self, to: str) -> float | None:
        store = self._app.services[to].store
        if store is not None and store.engine in _KEEPING:
            return None
        return self._program.keepalive_seconds

    async def _open(self, where: _Where, timeout: float) -> Connection:
        address, began = "", time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                address = await _resolve(where.host, where.port)
                reader, writer = await asyncio.open_connection(address, where.port)
                connection = Connection(reader, writer, address, time.monotonic())
                await self._log_in(where, connection)
        except TimeoutError as error:
            kind: Kind = "unreachable" if address else "dns_timeout"
            failure = self._of(kind, where, address)
            raise CallFailed(replace(failure, after_ms=timeout * 1000)) from error
        except (OSError, ValueError) as error:
            kind = kind_of(error, slow=time.monotonic() - began > _SLOW_SECONDS)
            failure = self._of(kind, where, address)
            if kind == "no_socket":
                failure = replace(failure, detail=getattr(error, "strerror", "") or str(error))
            raise CallFailed(failure) from error
        return connection

    async def _log_in(self, where: _Where, connection: Connection) -> None:
        store = self._app.services[where.to].store
        if store is None:
            return
        login = self._program.logins.get(where.to)
        headers = {"x-client": self._program.name}
        if login is not None:
            users = {user.name: user.password for user in store.users}
            given = os.environ.get(login.password_env) if login.password_env else None
            password = users.get(login.user, "") if given is None else given
            headers |= {"x-user": login.user, "x-password": password, "x-database": login.database}
        message = Message("POST", LOGIN, headers=headers)
        try:
            answer = await wire.exchange(connection.reader, connection.writer, message)
        except BaseException:
            connection.writer.close()
            raise
        if answer.status != 200:
            connection.writer.close()
            failure = refusal(self._app, self._program, where.to, where.port, answer)
            raise CallFailed(replace(failure, service=where.host))

    def _of(self, kind: Kind, where: _Where, address: str) -> Failure:
        store = self._app.services[where.to].store
        engine = store.engine if store else ""
        host = where.host.removesuffix(self._domain) if self._domain else where.host
        return Failure(kind, host, where.port, address, engine=engine)


def refusal(app: App, program: Service, to: str, port: int, answer: Message) -> Failure:
    """What an answer other than 200 means to the caller."""
    store = app.services[to].store
    login = program.logins.get(to)
    kind = cast(Kind, answer.headers.get("x-refusal", "answered"))
    return Failure(
        kind,
        to,
        port,
        detail=answer.text,
        engine=store.engine if store and kind != "answered" else "",
        database=login.database if login else "",
        user=login.user if login else "",
    )


def kind_of(error: Exception, *, slow: bool = False) -> Kind:
    """Name what the operating system reports; a name server that answers fails quickly."""
    number = getattr(error, "errno", None)
    if isinstance(error, socket.gaierror):
        if number == socket.EAI_AGAIN:
            return "dns_timeout" if slow else "dns_failure"
        return "no_such_host"
    if isinstance(error, Closed | ConnectionResetError | BrokenPipeError | ValueError):
        return "reset"
    if number in _NO_SOCKET:
        return "no_socket"
    if number in _UNREACHABLE or isinstance(error, TimeoutError):
        return "unreachable"
    return "refused"


async def _resolve(host: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


def first_port(service: Service) -> int:
    """The port on which a service is called unless a call says otherwise."""
    return next((p.port for p in service.ports if p.protocol == "TCP"), 0)


def listening_port(service: Service) -> int:
    """The port on which its program listens, behind `first_port`."""
    return next((p.number for p in service.ports if p.protocol == "TCP"), 0)


def host_port(address: str, port: int) -> tuple[str, int]:
    """The host and port in a variable's value: a host, host:port, or a URL."""
    rest = address.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1]
    host, _, number = rest.partition(":")
    return host, int(number) if number.isdigit() else port
