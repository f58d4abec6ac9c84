"""The API server on the loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api import discovery, openapi
from eval.environments.emulator.cluster.api.identities import Identities, Identity
from eval.environments.emulator.cluster.api.podlogs import choose, format_lines, render
from eval.environments.emulator.cluster.api.protobuf import MEDIA_TYPE, decode
from eval.environments.emulator.cluster.api.reading import Watches, listing, selection
from eval.environments.emulator.cluster.api.respond import Wanted, one, reply
from eval.environments.emulator.cluster.api.reviews import review
from eval.environments.emulator.cluster.api.target import Target, parse
from eval.environments.emulator.cluster.api.writing import Writer, parse_body
from eval.environments.emulator.cluster.errors import (
    ApiError,
    bad_request,
    method_not_allowed,
    no_such_path,
)
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.version import INFO
from eval.environments.emulator.cluster.world import World

_PUBLIC = ("/healthz", "/livez", "/readyz", "/version")
_FOLLOW_SECONDS = 0.05
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_IDENTITY = web.RequestKey("identity", Identity)


class ApiServer:
    """Serves one cluster over HTTP and HTTPS on ports of its own."""

    def __init__(self, world: World, kubelets: Kubelets, identities: Identities) -> None:
        self._world = world
        self._kubelets = kubelets
        self._identities = identities
        self._writer = Writer(world)
        self._watches = Watches(world.store, world.clock.now)
        self._closing = False
        self._runner: web.AppRunner | None = None

    async def start(self, context: ssl.SSLContext) -> tuple[int, int]:
        """Listen on 127.0.0.1; returns the HTTP and the HTTPS port."""
        app = web.Application(middlewares=[self._guard], client_max_size=4 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        plain, secure = (int(address[1]) for address in runner.addresses)
        return plain, secure

    async def stop(self) -> None:
        """End watches and close both ports."""
        self._closing = True
        self._watches.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Name the user, and answer refusals with a Status."""
        try:
            if not request.path.startswith(_PUBLIC):
                header = request.headers.get("Authorization", "")
                request[_IDENTITY] = self._identities.of(header)
            return await handler(request)
        except ApiError as error:
            return reply(error.status(), error.code)
        finally:
            self._world.manager.settle()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        fixed = self._fixed(request, path)
        if fixed is not None:
            return fixed
        if request.method == "POST":
            body = await _body(request)
            answer = review(path, body, request[_IDENTITY])
            if answer is not None:
                return reply(answer, 201)
        target = parse(request.path)
        return await self._resource(request, target)

    def _fixed(self, request: web.Request, path: str) -> web.Response | None:
        """Answer what is not a resource: health, version, discovery, OpenAPI."""
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        if path == "/version":
            return reply(INFO)
        aggregated = "apidiscovery.k8s.io;v=v2;" in request.headers.get("Accept", "").replace(
            " ", ""
        )
        if path in ("/api", "/apis"):
            core = path == "/api"
            if aggregated:
                answer = reply(discovery.aggregated(core))
                answer.headers["Content-Type"] = discovery.AGGREGATED
                return answer
            return reply(discovery.api_versions() if core else discovery.group_list())
        if path == "/openapi/v2":
            return reply(openapi.v2())
        if path == "/openapi/v3":
            return reply(openapi.v3_index())
        parts = path.split("/")[1:]
        found = None
        if path.startswith("/openapi/v3/"):
            found = openapi.v3(path.removeprefix("/openapi/v3/"))
        elif parts == ["api", "v1"]:
            found = discovery.resource_list("", "v1")
        elif parts[0] == "apis" and len(parts) == 2:
            found = discovery.group(parts[1])
        elif parts[0] == "apis" and len(parts) == 3:
            found = discovery.resource_list(parts[1], parts[2])
        elif parts[0] in ("api", "apis"):
            return None
        if found is None:
            raise no_such_path()
        return reply(found)

    async def _resource(self, request: web.Request, target: Target) -> web.StreamResponse:
        self._authorize(request, target)
        world, now = self._world, self._world.clock.now()
        wanted = Wanted.of(request.headers.get("Accept", ""), request.query)
        if request.method == "GET":
            if _watching(request):
                return await self._watches.stream(request, target, wanted)
            if target.subresource == "log":
                return await self._log(request, target)
            if not target.name:
                return reply(listing(world.store, target, request.query, wanted, now))
            obj = world.registry.get(target.resource, target.namespace, target.name)
            if target.subresource == "scale":
                return reply(world.registry.scale(target.resource, obj))
            return reply(one(target.resource, obj, wanted, now))
        body = {} if request.method == "PATCH" else await _body(request)
        manager = request.query.get("fieldManager") or _agent(request)
        if request.method == "DELETE" and not target.name:
            test = selection(target, request.query)
            kind = target.resource.kind
            found = [o for o in world.store.all(kind, target.namespace or None) if test(o)]
            self._writer.delete_all(target, found, body, request.query)
            return reply(listing(world.store, target, request.query, wanted, now))
        text = await request.text() if request.method == "PATCH" else ""
        try:
            code, obj = self._write(request, target, body, text, manager)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # a field of another type than it should have
            kind = target.resource.kind
            raise bad_request(
                f'{kind} in version "{target.resource.version}" cannot be handled as a {kind}:'
                f" {error}"
            ) from error
        if obj.get("kind") == target.resource.kind:
            obj = one(target.resource, obj, wanted, now)
        return reply(obj, code)

    def _write(
        self, request: web.Request, target: Target, body: Json, text: str, manager: str
    ) -> tuple[int, Json]:
        query = request.query
        if request.method == "POST":
            return self._writer.create(target, body, query, manager)
        if request.method == "PUT":
            return self._writer.update(target, body, query, manager)
        if request.method == "PATCH":
            return self._writer.patch(target, request.content_type, text, query, manager)
        if request.method == "DELETE":
            return self._writer.delete(target, body, query)
        raise method_not_allowed()

    def _authorize(self, request: web.Request, target: Target) -> None:
        if request.method == "GET":
            verb = "watch" if _watching(request) else "get" if target.name else "list"
        else:
            verb = _VERBS.get(request.method, request.method.lower())
            if verb == "delete" and not target.name:
                verb = "deletecollection"
        resource = target.resource
        request[_IDENTITY].require(
            verb,
            resource.group,
            resource.plural,
            target.namespace,
            target.name,
            target.subresource,
        )

    async def _log(self, request: web.Request, target: Target) -> web.StreamResponse:
        world = self._world
        pod = world.registry.get(target.resource, target.namespace, target.name)
        state = self._kubelets.pod(pod["metadata"]["uid"])
        log = choose(pod, state, request.query)
        lines = log.lines(world.clock.now())
        text = render(lines, request.query, world.clock.now())
        if request.query.get("follow") not in ("true", "1"):
            return web.Response(text=text, content_type="text/plain")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        timestamps = request.query.get("timestamps") in ("true", "1")
        seen = log.written
        try:
            await response.prepare(request)
            await response.write(text.encode())
            while not self._closing:
                lines = log.lines(world.clock.now())
                fresh = min(log.written - seen, len(lines))
                if fresh:
                    seen = log.written
                    await response.write(format_lines(lines[-fresh:], timestamps).encode())
                if log.ended or self._kubelets.pod(pod["metadata"]["uid"]) is None:
                    break
                await asyncio.sleep(_FOLLOW_SECONDS)
        except ConnectionResetError:
            pass
        return response


async def _body(request: web.Request) -> Json:
    if request.content_type == MEDIA_TYPE:
        return decode(await request.read())
    return parse_body(await request.text())


def _watching(request: web.Request) -> bool:
    return request.query.get("watch") in ("true", "1") or "/watch/" in request.path


def _agent(request: web.Request) -> str:
    """Return the default field manager: the User-Agent up to its first slash."""
    return request.headers.get("User-Agent", "").split("/")[0] or "unknown"
