"""One connection to an API server, through the official asyncio client, in raw JSON.

The typed models of the client are left out on purpose: building them costs many times what
parsing JSON does, and they drop fields of newer servers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.api.errors import ConnectorError, SourceUnreachable
from connectors.kubernetes import failures, login, rights
from connectors.kubernetes.settings import KubernetesSettings


class Connection:
    """Sends requests and returns bodies. Made by `connect`; `close` it when done."""

    def __init__(
        self, settings: KubernetesSettings, api: Any, *, context: str, namespace: str
    ) -> None:
        self._settings = settings
        self._api = api
        self._slots = asyncio.Semaphore(settings.concurrency)
        self.context = context
        self.namespace = namespace
        """The context's own namespace, "default" when it names none."""

    @property
    def settings(self) -> KubernetesSettings:
        """What it was opened with."""
        return self._settings

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._api.configuration.host)

    async def close(self) -> None:
        """Close the connection pool."""
        await self._api.close()

    async def json(
        self,
        method: str,
        path: str,
        task: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
        content: str = "application/json",
    ) -> dict[str, Any]:
        """Return the answer as a JSON object. `task` says for people what is attempted."""
        data = await self.raw(
            method, path, task, query=query, body=body, accept=accept, content=content
        )
        try:
            value = json.loads(data)
        except ValueError:
            raise failures.of_body(self.server, task) from None
        if not isinstance(value, dict):
            raise failures.of_body(self.server, task)
        return value

    async def raw(
        self,
        method: str,
        path: str,
        task: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
        content: str = "application/json",
    ) -> bytes:
        """Return the answer's body. Raises `ConnectorError` for anything but 2xx."""
        status, data = await self._send(method, path, task, query, body, accept, content)
        if status == 401 and await self._renew_login():
            status, data = await self._send(method, path, task, query, body, accept, content)
        if not 200 <= status < 300:
            raise failures.of_status(self.server, task, status, data)
        return data

    async def _send(
        self,
        method: str,
        path: str,
        task: str,
        query: Mapping[str, str] | None,
        body: Any,
        accept: str,
        content: str,
    ) -> tuple[int, bytes]:
        import aiohttp

        seconds = self._settings.timeout
        async with self._slots:
            try:
                request = await self._api.param_serialize(
                    method,
                    path,
                    query_params=list((query or {}).items()),
                    header_params={"Accept": accept, "Content-Type": content},
                    body=body,
                    auth_settings=["BearerToken"],
                )
                response = await self._api.call_api(
                    *rights.in_the_users_name(self._settings, request),
                    _request_timeout=aiohttp.ClientTimeout(total=seconds),
                )
                try:
                    return response.status, await response.read()
                finally:
                    response.response.release()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise failures.of_exception(self.server, task, seconds, error) from error

    async def messages(
        self, path: str, task: str, query: Sequence[tuple[str, str]], *, protocol: str
    ) -> list[bytes]:
        """Open a WebSocket, and return all binary messages until the server closes it."""
        import aiohttp

        seconds = self._settings.timeout
        async with self._slots:
            try:
                request = await self._api.param_serialize(
                    "GET", path, query_params=list(query), auth_settings=["BearerToken"]
                )
                _, url, headers, *_ = rights.in_the_users_name(self._settings, request)
                rest = self._api.rest_client
                if rest.pool_manager is None:
                    rest.pool_manager = rest._create_pool_manager()
                async with (
                    asyncio.timeout(seconds),
                    rest.pool_manager.ws_connect(
                        url.replace("http", "ws", 1), headers=headers, protocols=(protocol,)
                    ) as socket,
                ):
                    return [m.data async for m in socket if m.type is aiohttp.WSMsgType.BINARY]
            except aiohttp.WSServerHandshakeError as error:
                raise failures.of_status(self.server, task, error.status, b"") from error
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise failures.of_exception(self.server, task, seconds, error) from error

    async def _renew_login(self) -> bool:
        """Load the credentials again, as a plug-in's token expires; say whether they changed."""
        configuration = self._api.configuration
        before = dict(configuration.api_key)
        try:
            await login.load(self._settings, configuration)
        except ConnectorError:
            return False
        return bool(configuration.api_key != before)


class ReviewedConnection(Connection):
    """Asks the API server before each request whether the settings' user may do the same."""

    def __init__(
        self, settings: KubernetesSettings, api: Any, *, context: str, namespace: str
    ) -> None:
        super().__init__(settings, api, context=context, namespace=namespace)
        self._reviews = rights.Reviews(settings, self._review)

    async def raw(
        self,
        method: str,
        path: str,
        task: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
        content: str = "application/json",
    ) -> bytes:
        """Return the answer's body. Raises `SourceForbidden` for what the user may not do."""
        asked = rights.attributes(method, path)
        if asked is not None:
            await self._reviews.require(asked, self.server, task)
        data = await super().raw(
            method, path, task, query=query, body=body, accept=accept, content=content
        )
        return await self._reviews.both(data, body) if path == rights.OWN_REVIEW else data

    async def messages(
        self, path: str, task: str, query: Sequence[tuple[str, str]], *, protocol: str
    ) -> list[bytes]:
        """The same. Raises `SourceForbidden` for what the user may not do."""
        asked = rights.attributes("POST", path)
        if asked is not None:
            await self._reviews.require(asked, self.server, task)
        return await super().messages(path, task, query, protocol=protocol)

    async def _review(self, body: dict[str, Any]) -> bytes:
        return await super().raw(
            "POST", rights.REVIEW, "ask what the user may do (SubjectAccessReview)", body=body
        )


async def connect(settings: KubernetesSettings) -> Connection:
    """Load the credentials (running an exec plug-in where there is one) and return a connection.

    Nothing is sent yet. Raises `SourceUnreachable` when no cluster is configured or the
    credentials cannot be loaded, `SourceMissing` when the context does not exist.
    """
    # The client takes a second to import; a thread keeps the event loop alive meanwhile.
    client = await asyncio.to_thread(_import_client)
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = settings.concurrency
    context, namespace = await login.load(settings, configuration)
    try:
        api = client.ApiClient(configuration)
    except (OSError, ValueError) as error:
        raise SourceUnreachable(
            f"kubernetes {configuration.host}: the certificates of the kubeconfig"
            f" cannot be loaded: {error}"
        ) from error
    api.user_agent = settings.user_agent
    kind = ReviewedConnection if settings.rights == "review" and settings.user else Connection
    return kind(settings, api, context=context, namespace=namespace)


def _import_client() -> Any:
    from kubernetes.aio import client, config

    return client if config else None
