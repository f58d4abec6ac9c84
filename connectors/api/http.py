"""What the connectors that speak HTTP share: settings, one bounded client, its errors."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit, urlunsplit

from connectors.api.http_failures import (
    from_exception,
    from_status,
    malformed,
    timed_out,
    too_large,
)
from connectors.api.tls import trusted

if TYPE_CHECKING:
    import httpx2

Value = str | int | float
Params = Mapping[str, Value] | Sequence[tuple[str, Value]]

_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Address, credentials and limits. Raises `ValueError` with one clear line for bad ones.

    `url` may have a path prefix and a user and password, which are moved into `username` and
    `password`. `token` is sent as a bearer; `token_file` is read anew for each request, because
    service account tokens rotate. `headers` are sent as they are (a tenant, for example).
    `timeout` bounds one request with its whole answer, `connect_timeout` reaching the server, in
    seconds; `concurrency` bounds the requests in flight.
    """

    product: ClassVar[str] = "the source"
    """What it is called in messages."""
    example: ClassVar[str] = "https://host:port"
    """How its address is mostly written."""
    endings: ClassVar[tuple[str, ...]] = ()
    """Ends of paths that people copy along with the URL."""
    scheme: ClassVar[str] = "Bearer "
    """What stands before a token."""

    url: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    verify_tls: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 20.0
    connect_timeout: float = 5.0
    concurrency: int = 6

    def __post_init__(self) -> None:
        product = self.product
        parts = urlsplit(self.url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            # the text may hold a password: only show it when it cannot
            shown = "" if "@" in self.url else f" {self.url!r}"
            raise ValueError(
                f"the {product} URL{shown} is not one: write it as {self.example} "
                "or https://host/prefix"
            )
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        object.__setattr__(self, "username", self.username or username)
        object.__setattr__(self, "password", self.password or password)
        path = parts.path.rstrip("/")
        for ending in self.endings:
            path = path.removesuffix(ending).rstrip("/")
        host = parts.netloc.rpartition("@")[2]
        object.__setattr__(self, "url", urlunsplit((parts.scheme, host, path, "", "")))
        if bool(self.token or self.token_file) and self.username:
            raise ValueError(f"give {product} either a bearer token or a user name, not both")
        if self.timeout <= 0 or self.connect_timeout <= 0:
            raise ValueError(f"{product} time-outs must be more than 0 seconds")
        if self.concurrency < 1:
            raise ValueError(f"{product} needs a concurrency of at least 1")
        for file, what in ((self.ca_file, "CA file"), (self.token_file, "token file")):
            if file and not Path(file).is_file():
                raise ValueError(f"the {product} {what} {file} does not exist")


class HttpClient:
    """Asks one server for JSON. Every method raises `ConnectorError`.

    No request is repeated: whoever asks decides that.
    """

    def __init__(self, settings: HttpSettings, headers: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._headers = {**settings.headers, **(headers or {})}
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._making = asyncio.Lock()
        self._client: httpx2.AsyncClient | None = None

    async def get(self, path: str, params: Params = ()) -> Any:
        """Return the JSON at a path."""
        return self._json(await self.text("GET", path, params=params))

    async def post(self, path: str, body: Any, params: Params = ()) -> Any:
        """Send JSON to a path and return the JSON of the answer."""
        return self._json(await self.text("POST", path, params=params, json=body))

    async def text(self, method: str, path: str, **options: Any) -> str:
        """Return the text of an answer whose status is good."""
        import httpx2

        own = self._settings
        async with self._slots:
            try:
                async with asyncio.timeout(own.timeout):
                    return await self._read(method, path, options)
            except TimeoutError as error:
                raise timed_out(own.product, own.url, own.timeout) from error
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
                raise from_exception(error, own.product, own.url, own.timeout) from error

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _read(self, method: str, path: str, options: dict[str, Any]) -> str:
        own = self._settings
        client = await self._open()
        headers = dict(self._headers)
        if own.token_file:
            token = await asyncio.to_thread(Path(own.token_file).read_text, encoding="utf-8")
            headers["Authorization"] = f"{own.scheme}{token.strip()}"
        body = bytearray()
        url = f"{own.url}{path}"
        async with client.stream(method, url, headers=headers, **options) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _MAX_BYTES:
                    raise too_large(own.product, own.url, _MAX_BYTES)
            text = body.decode(response.encoding or "utf-8", errors="replace")
            if response.status_code >= 300:
                kind = response.headers.get("Content-Type", "")
                raise from_status(response.status_code, text, kind, own.product, own.url)
        return text

    async def _open(self) -> httpx2.AsyncClient:
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(self._make)
            return self._client

    def _make(self) -> httpx2.AsyncClient:
        """Make the client. The import and the certificates take a moment: call it in a thread."""
        import httpx2

        own = self._settings
        verify: bool | ssl.SSLContext = False
        if own.verify_tls:
            own_ca = own.ca_file
            verify = ssl.create_default_context(cafile=own_ca) if own_ca else trusted()
        headers = {"Accept": "application/json", "User-Agent": "incident-copilot"}
        if own.token:
            headers["Authorization"] = f"{own.scheme}{own.token}"
        basic = (own.username, own.password) if own.username else None
        return httpx2.AsyncClient(
            headers=headers,
            auth=basic,
            verify=verify,
            timeout=httpx2.Timeout(own.timeout, connect=own.connect_timeout),
            limits=httpx2.Limits(max_connections=own.concurrency),
            follow_redirects=True,
        )

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise malformed(self._settings.product, self._settings.url, "no JSON") from error
