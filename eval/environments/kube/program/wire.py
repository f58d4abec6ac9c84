"""HTTP/1.1 as far as the app's programs speak it to one another, to probes and to scrapers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip
_RETRANSMISSION_SECONDS = 0.2


class Closed(ConnectionError):
    """The other side closed the connection before it answered."""


@dataclass(slots=True)
class Message:
    """A request or a response. Header names are lower-case."""

    method: str = "POST"
    path: str = "/"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass(slots=True)
class Link:
    """How the pod's network treats what is sent: a delay, and a share of lost packets."""

    delay_ms: float = 0.0
    loss: float = 0.0

    async def pass_through(self) -> None:
        """Wait as long as a segment takes: each loss costs a retransmission, twice as long each time."""
        seconds, wait = self.delay_ms / 1000, _RETRANSMISSION_SECONDS
        while self.loss and random.random() < self.loss and wait < 10:
            seconds, wait = seconds + wait, wait * 2
        if seconds:
            await asyncio.sleep(seconds)


LINK = Link()
"""The network of this pod."""


@dataclass(slots=True)
class Peer:
    """One accepted connection: where it comes from, and what was agreed on it."""

    address: str
    port: int
    user: str = ""
    number: int = 0
    client: str = "client"
    database: str = ""
    epoch: int = 0


Handler = Callable[[Message, Peer], Awaitable[Message]]


async def read(reader: asyncio.StreamReader) -> Message:
    """Read one message. Raises `Closed` at the end of the stream, `ValueError` for nonsense."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise Closed from error
    except asyncio.LimitOverrunError as error:
        raise ValueError("head too long") from error
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    message = Message()
    words = first.split(" ", 2)
    if len(words) < 2:
        raise ValueError("no HTTP")
    if words[0].startswith("HTTP/"):
        message.status = int(words[1])
    else:
        message.method, message.path = words[0], words[1]
    for line in lines:
        name, _, value = line.partition(":")
        message.headers[name.strip().lower()] = value.strip()
    length = int(message.headers.get("content-length", "0"))
    if length:
        try:
            message.body = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise Closed from error
    return message


def write(writer: asyncio.StreamWriter, message: Message, *, request: bool) -> None:
    """Send one message."""
    if request:
        first = f"{message.method} {message.path} HTTP/1.1"
    else:
        first = f"HTTP/1.1 {message.status} {_REASONS.get(message.status, 'Other')}"
    headers = {**message.headers, "content-length": str(len(message.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"{first}\r\n{head}\r\n".encode("latin-1", "replace") + message.body)


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: Message
) -> Message:
    """Send a request and return its response. Raises `OSError` (`Closed` among them)."""
    await LINK.pass_through()
    write(writer, message, request=True)
    await writer.drain()
    return await read(reader)


async def listen(
    port: int, handler: Handler, opened: Callable[[Peer], bool] = lambda peer: True,
    closed: Callable[[Peer], None] = lambda peer: None,
    outdated: Callable[[Peer], bool] = lambda peer: False,
) -> asyncio.Server:  # fmt: skip
    """Accept connections on a port. `opened` says whether one may stay."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, number = (writer.get_extra_info("peername") or ("", 0))[:2]
        peer = Peer(str(address).removeprefix("::ffff:"), int(number))
        if not opened(peer):
            writer.close()
            return
        try:
            while True:
                request = await read(reader)
                if outdated(peer):
                    break
                response = await handler(request, peer)
                await LINK.pass_through()
                write(writer, response, request=False)
                await writer.drain()
                if request.headers.get("connection", "").lower() == "close":
                    break
        except (OSError, ValueError):
            pass
        finally:
            closed(peer)
            writer.close()

    return await asyncio.start_server(connection, port=port, reuse_address=True)
