"""The API server on the loopback: transport, users, what is not a resource."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from aiohttp import web

from eval.environments.emulator.cluster.api.discovery import AGGREGATED, Discovery
from eval.environments.emulator.cluster.api.legacy import refusal_in_1_20
from eval.environments.emulator.cluster.api.metrics import MetricsApi, MetricsSource
from eval.environments.emulator.cluster.api.requests import Requests
from eval.environments.emulator.cluster.api.respond import reply
from eval.environments.emulator.cluster.api.shell import Inside
from eval.environments.emulator.cluster.api.tokens import Authenticator
from eval.environments.emulator.cluster.authorizer import Authorizer, User
from eval.environments.emulator.cluster.errors import ApiError, no_such_path
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.openapi.documents import OpenApi
from eval.environments.emulator.cluster.world import World

_PUBLIC = ("/healthz", "/livez", "/readyz", "/version")
_USER = web.RequestKey("user", User)


class ApiServer:
    """Serves one cluster over HTTP and HTTPS on ports of its own.

    `tokens` are the bearer tokens of the users "admin" and "viewer". `inside` answers commands run
    in containers; `metrics`, when given, answers metrics.k8s.io.
    """

    def __init__(
        self,
        world: World,
        kubelets: Kubelets,
        tokens: Mapping[str, str],
        *,
        inside: Inside | None = None,
        metrics: MetricsSource | None = None,
    ) -> None:
        catalog = world.registry.catalog
        authorizer = Authorizer(world.store)
        self._world = world
        self._authenticator = Authenticator(world, tokens, authorizer)
        self._openapi = OpenApi(catalog)
        self._discovery = Discovery(catalog, metrics is not None)
        self._metrics = None if metrics is None else MetricsApi(world, metrics, authorizer)
        self._requests = Requests(
            world, kubelets, self._openapi, self._authenticator, authorizer, inside
        )
        self._runner: web.AppRunner | None = None

    async def start(self, context: ssl.SSLContext) -> tuple[int, int]:
        """Listen on 127.0.0.1; returns the HTTP and the HTTPS port."""
        # A middleware would do for `_answer`, but aiohttp caches its chain for ever, and this cluster with it.
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        plain, secure = (int(address[1]) for address in runner.addresses)
        return plain, secure

    async def stop(self) -> None:
        """End watches and close both ports."""
        self._requests.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Name the user, and answer refusals with a Status."""
        try:
            if not request.path.startswith(_PUBLIC):
                request[_USER] = self._authenticator.user(request.headers)
            return await self._handle(request)
        except ApiError as error:
            status = error.status()
            if self._world.registry.catalog.version.legacy:
                status["message"] = refusal_in_1_20(error.message)
                for cause in (status.get("details") or {}).get("causes") or ():
                    cause["message"] = refusal_in_1_20(cause["message"])
            return reply(status, error.code)
        finally:
            self._world.manager.settle()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        fixed = self._fixed(request, path)
        if fixed is not None:
            return fixed
        if self._metrics is not None and path.startswith("/apis/metrics.k8s.io/"):
            return self._metrics.answer(request, path, request[_USER])
        return await self._requests.answer(request, request[_USER])

    def _fixed(self, request: web.Request, path: str) -> web.Response | None:
        """Answer what is not a resource: health, version, discovery, OpenAPI."""
        legacy = self._world.registry.catalog.version.legacy
        accept = request.headers.get("Accept", "").replace(" ", "")
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        if path == "/version":
            return reply(self._world.registry.catalog.version.info())
        if path in ("/api", "/apis"):
            core = path == "/api"
            if "apidiscovery.k8s.io;v=v2;" in accept and not legacy:
                answer = reply(self._discovery.aggregated(core))
                answer.headers["Content-Type"] = AGGREGATED
                return answer
            found = self._discovery.api_versions() if core else self._discovery.group_list()
            return reply(found)
        if path.startswith("/openapi/"):
            return self._openapi_document(path, accept, legacy)
        parts = path.split("/")[1:]
        document = None
        if parts[0] == "api" and len(parts) == 2:
            document = self._discovery.resource_list("", parts[1])
        elif parts[0] == "apis" and len(parts) == 2:
            document = self._discovery.group(parts[1])
        elif parts[0] == "apis" and len(parts) == 3:
            document = self._discovery.resource_list(parts[1], parts[2])
        elif parts[0] in ("api", "apis"):
            return None
        if document is None:
            raise no_such_path()
        return reply(document)

    def _openapi_document(self, path: str, accept: str, legacy: bool) -> web.Response:
        if path == "/openapi/v2":
            if "openapi.spec.v2" in accept:
                return web.Response(
                    body=self._openapi.v2_protobuf(), content_type="application/octet-stream"
                )
            return reply(self._openapi.v2())
        if path == "/openapi/v3" and not legacy:
            return reply(self._openapi.v3_index())
        if path.startswith("/openapi/v3/") and not legacy:
            found = self._openapi.v3(path.removeprefix("/openapi/v3/"))
            if found is not None:
                return reply(found)
        raise no_such_path()
