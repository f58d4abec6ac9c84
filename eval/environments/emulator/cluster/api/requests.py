"""Requests for resources: authorized, read, written, streamed."""

from __future__ import annotations

import asyncio

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.body import parse_object
from eval.environments.emulator.cluster.api.deprecation import deprecation
from eval.environments.emulator.cluster.api.exec import run_command
from eval.environments.emulator.cluster.api.podlogs import choose, format_lines, render
from eval.environments.emulator.cluster.api.protobuf import MEDIA_TYPE, decode
from eval.environments.emulator.cluster.api.reading import Watches, listing, selection
from eval.environments.emulator.cluster.api.respond import Presenter, Wanted, reply
from eval.environments.emulator.cluster.api.reviews import Reviews
from eval.environments.emulator.cluster.api.shell import Inside
from eval.environments.emulator.cluster.api.target import Target, parse
from eval.environments.emulator.cluster.api.tokens import Authenticator
from eval.environments.emulator.cluster.api.writing import Writer
from eval.environments.emulator.cluster.authorizer import Access, Authorizer, User, refusal
from eval.environments.emulator.cluster.errors import (
    bad_request,
    forbidden,
    method_not_allowed,
    no_such_path,
)
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.openapi.documents import OpenApi
from eval.environments.emulator.cluster.world import World

_FOLLOW_SECONDS = 0.05
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Requests:
    """Answers requests whose path is a resource."""

    def __init__(
        self,
        world: World,
        kubelets: Kubelets,
        openapi: OpenApi,
        authenticator: Authenticator,
        authorizer: Authorizer,
        inside: Inside | None,
    ) -> None:
        self._world = world
        self._kubelets = kubelets
        self._authorizer = authorizer
        self._inside = inside
        self._presenter = Presenter(world, openapi)
        self._writer = Writer(world, openapi, self._presenter, authenticator)
        self._reviews = Reviews(authorizer, authenticator)
        self._watches = Watches(world.store, self._presenter)
        self._closing = False

    def close(self) -> None:
        """End watches and followed logs."""
        self._closing = True
        self._watches.close()

    async def answer(self, request: web.Request, user: User) -> web.StreamResponse:
        """Answer one request. Raises `ApiError`."""
        target = parse(self._world.registry.catalog, request.path)
        self._authorize(request, target, user)
        if target.subresource in ("exec", "attach", "portforward", "proxy"):
            return await self._connect(request, target)
        if request.method == "GET":
            return await self._read(request, target)
        body = {} if request.method == "PATCH" else await _body(request)
        if request.method == "POST":
            reviewed = self._reviews.answer(target.resource.plural, target.namespace, body, user)
            if reviewed is not None:
                return reply(reviewed, 201)
        return await self._write(request, target, body)

    async def _read(self, request: web.Request, target: Target) -> web.StreamResponse:
        world, resource = self._world, target.resource
        wanted = Wanted.of(request.headers.get("Accept", ""), request.query)
        if "list" not in resource.verbs:
            raise method_not_allowed()
        if _watching(request):
            return await self._watches.stream(request, target, wanted)
        if target.subresource == "log":
            return await self._log(request, target)
        if not target.name:
            found = listing(world.store, target, request.query, wanted, self._presenter)
            return self._noted(target, reply(found), [])
        obj = world.registry.get(resource, target.namespace, target.name)
        if target.subresource == "scale":
            return reply(world.registry.scale(resource, obj))
        return self._noted(target, reply(self._presenter.one(resource, obj, wanted)), [])

    async def _write(self, request: web.Request, target: Target, body: Json) -> web.StreamResponse:
        world, query, resource = self._world, request.query, target.resource
        wanted = Wanted.of(request.headers.get("Accept", ""), query)
        manager = query.get("fieldManager") or _agent(request)
        if request.method == "DELETE" and not target.name:
            test = selection(target, query)
            stored = world.store.all(resource.key, target.namespace or None)
            found = [obj for obj in stored if test(obj)]
            self._writer.delete_all(target, found, body, query)
            return reply(listing(world.store, target, query, wanted, self._presenter))
        text = await request.text() if request.method == "PATCH" else ""
        notes: list[str] = []
        try:
            if request.method == "POST":
                code, obj = self._writer.create(target, body, query, manager, notes)
            elif request.method == "PUT":
                code, obj = self._writer.update(target, body, query, manager, notes)
            elif request.method == "PATCH":
                kind = request.content_type
                code, obj = self._writer.patch(target, kind, text, query, manager, notes)
            elif request.method == "DELETE":
                code, obj = self._writer.delete(target, body, query)
            else:
                raise method_not_allowed()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # a field of another type than it should have
            raise bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a'
                f" {resource.kind}: {error}"
            ) from error
        if obj.get("kind") == resource.kind:
            obj = self._presenter.one(resource, obj, wanted)
        return self._noted(target, reply(obj, code), notes)

    def _noted(self, target: Target, answer: web.Response, notes: list[str]) -> web.Response:
        old = deprecation(target.resource, self._world.registry.catalog.version)
        for note in ([old] if old else []) + notes:
            escaped = note.replace("\\", "\\\\").replace('"', '\\"')
            answer.headers.add("Warning", f'299 - "{escaped}"')
        return answer

    def _authorize(self, request: web.Request, target: Target, user: User) -> None:
        if request.method == "GET":
            verb = "watch" if _watching(request) else "get" if target.name else "list"
        else:
            verb = _VERBS.get(request.method, request.method.lower())
            if verb == "delete" and not target.name:
                verb = "deletecollection"
        if target.subresource in ("exec", "attach", "portforward"):
            # since 1.35 a WebSocket's GET counts as the creation that it is
            verb = "create"
        resource = target.resource
        name = target.name or _selected_name(request.query.get("fieldSelector", ""))
        namespace = target.name if resource.plural == "namespaces" else target.namespace
        access = Access(verb, resource.group, resource.plural, namespace, name, target.subresource)
        if not self._authorizer.allowed(user, access):
            why = refusal(user, access)
            raise forbidden(resource.group, resource.plural, name, why)

    async def _connect(self, request: web.Request, target: Target) -> web.StreamResponse:
        pod = self._world.registry.get(target.resource, target.namespace, target.name)
        if target.subresource != "exec" or self._inside is None:
            raise no_such_path()
        return await run_command(
            request, pod, self._kubelets, self._inside, self._world.clock.now()
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
    return parse_object(await request.text())


def _selected_name(selector: str) -> str:
    """Return the one name that a list is restricted to: rules for named objects allow it."""
    for part in selector.split(","):
        field, _, value = part.partition("=")
        if field == "metadata.name":
            return value.removeprefix("=")
    return ""


def _watching(request: web.Request) -> bool:
    return request.query.get("watch") in ("true", "1") or "/watch/" in request.path


def _agent(request: web.Request) -> str:
    """Return the default field manager: the User-Agent up to its first slash."""
    return request.headers.get("User-Agent", "").split("/")[0] or "unknown"
