"""A recorded cluster behind the Kubernetes API: reads as they were, no writes, no watches."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.body import parse_object
from eval.environments.emulator.cluster.api.podlogs import render
from eval.environments.emulator.cluster.api.protobuf import MEDIA_TYPE, decode
from eval.environments.emulator.cluster.api.respond import reply
from eval.environments.emulator.cluster.api.server import ApiServer
from eval.environments.emulator.cluster.api.target import Target, parse
from eval.environments.emulator.cluster.api.views import inward
from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.cluster.errors import (
    ApiError,
    bad_request,
    forbidden,
    method_not_allowed,
)
from eval.environments.emulator.cluster.events import Recorder
from eval.environments.emulator.cluster.hosts import Hosts
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.kubeconfig import write_kubeconfig
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.manager import Manager
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.cluster.registry import Registry
from eval.environments.emulator.cluster.software import Software
from eval.environments.emulator.cluster.store import Store
from eval.environments.emulator.cluster.tls import make_certificate, server_context
from eval.environments.emulator.cluster.version import LEGACY, MODERN, Version
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Run
from eval.recording.bundle import Bundle
from eval.recording.schema import KindPart, PodLogLine
from eval.recording.scope import Recorded, not_recorded

_DEFINITION = "CustomResourceDefinition"
# Until this minor version the old beta groups were served.
_LEGACY_MINOR = 24
_READ_ONLY = "this is a recording: nothing can be changed"


class _Nothing:
    """The software of a recording: it runs none. Fits `seams.Programs`."""

    def image_exists(self, image: str) -> bool:
        return False

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        return Run()

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return 0


class _KnownNames(Names):
    """Gives an object the uid that it was recorded with."""

    def __init__(self) -> None:
        super().__init__(0)
        self.next = ""

    def uid(self) -> str:
        return self.next or super().uid()


class RecordedCluster:
    """Serves a bundle's objects and pod logs. `serve`, then `kubeconfig`; `close` it."""

    def __init__(self, bundle: Bundle) -> None:
        manifest = bundle.manifest
        clock = VirtualClock(manifest.window.end)
        names = _KnownNames()
        store = Store(clock.now, names)
        version = _version(manifest.cluster.version)
        self._world = World(
            clock=clock,
            names=names,
            store=store,
            index=Index(store),
            software=Software(_Nothing()),
            registry=Registry(clock, store, names, version),
            events=Recorder(clock, store),
            manager=Manager(clock, store),
        )
        self._bundle, self._names = bundle, names
        self._token = secrets.token_hex(16)
        self._server: _Server | None = None
        self._address = self._certificate = ""
        for obj in bundle.objects:
            if obj["kind"] == _DEFINITION:
                self._world.registry.catalog.define(clone(obj))
        self.unserved = tuple(obj for obj in bundle.objects if not self._load(obj))

    async def serve(self) -> None:
        """Listen on the loopback."""
        certificate, key = make_certificate()
        self._server = _Server(self._world, self._token, self._bundle)
        _, secure = await self._server.start(server_context(certificate, key))
        self._address, self._certificate = f"https://127.0.0.1:{secure}", certificate

    def kubeconfig(self, path: Path, namespace: str) -> None:
        """Write a kubeconfig for the replayed cluster."""
        write_kubeconfig(
            path,
            server=self._address,
            certificate=self._certificate,
            user="admin",
            token=self._token,
            namespace=namespace,
        )

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def _load(self, recorded: Json) -> bool:
        """Store an object as it was; False for a kind that the API here cannot serve."""
        catalog, obj = self._world.registry.catalog, clone(recorded)
        try:
            resource = catalog.of(obj)
        except KeyError:
            return False
        kept = dict(obj["metadata"])
        stored = inward(resource, obj)
        if not resource.custom:
            stored["apiVersion"] = catalog.kinds[self._world.store.kind_of(stored)].api_version
        self._names.next = str(kept.get("uid", ""))
        # The store makes a new object's metadata; the recorded one is put back over it.
        stored["metadata"] = dict(kept)
        made = self._world.store.create(stored)
        made["metadata"] = {"resourceVersion": "1", "uid": made["metadata"]["uid"], **kept}
        return True


class _Server(ApiServer):
    """The emulator's API server, asked only for what the bundle holds."""

    def __init__(self, world: World, token: str, bundle: Bundle) -> None:
        super().__init__(world, Kubelets(world, Hosts()), {"admin": token})
        self._catalog = world.registry.catalog
        self._now = world.clock.now
        self._pods = world.store
        self._recorded = Recorded(bundle.manifest)
        self._kinds = {(k.group, k.plural): k for k in bundle.manifest.cluster.kinds}
        self._said = bundle.manifest.cluster.version
        self._logs = {
            (line.namespace, line.pod, line.container, line.previous): line
            for line in bundle.pod_logs
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path == "/version" and self._said:
            return reply(self._said)
        if not path.startswith(("/api/", "/apis/")) or self._discovers(path):
            return await super()._handle(request)
        if request.method == "POST" and path.endswith("/selfsubjectaccessreviews"):
            return reply(self._review(await _body(request)), 201)
        group, plural = _resource(path)
        if request.method not in ("GET", "HEAD"):
            raise forbidden(group, plural, "", _READ_ONLY)
        if request.query.get("watch") in ("true", "1") or "/watch/" in path:
            raise method_not_allowed()
        if self._catalog.at(*_group_version(path), plural) is None:
            raise forbidden(group, plural, "", self._unknown(group, plural))
        target = parse(self._catalog, request.path)
        why = self._why_not(target.resource.group, target.resource.plural, target.namespace,
                            target.resource.namespaced)  # fmt: skip
        if why:
            raise forbidden(group, plural, target.name, why)
        if target.subresource == "log":
            return self._log(request, target)
        if target.subresource not in ("", "status"):
            raise forbidden(group, plural, target.name, not_recorded(target.subresource))
        return await super()._handle(request)

    def _discovers(self, path: str) -> bool:
        parts = path.strip("/").split("/")
        return len(parts) <= (2 if parts[0] == "api" else 3)

    def _why_not(self, group: str, plural: str, namespace: str, namespaced: bool) -> str:
        kind = self._kinds.get((group, plural)) or self._alias(plural)
        if kind is None or not kind.recorded:
            return self._unknown(group, plural)
        return self._recorded.namespace(namespace) if namespaced else ""

    def _alias(self, plural: str) -> KindPart | None:
        """Find a kind by its other group: events, and what moved between groups."""
        found = [k for (_, name), k in self._kinds.items() if name == plural and k.recorded]
        return found[0] if len(found) == 1 else None

    def _unknown(self, group: str, plural: str) -> str:
        kind = self._kinds.get((group, plural))
        if kind is None:
            return not_recorded(f"{plural}: the recorded cluster did not serve them")
        return not_recorded(f"{plural} ({kind.why})" if kind.why else plural)

    def _review(self, body: Json) -> Json:
        asked = (body.get("spec") or {}).get("resourceAttributes") or {}
        group, plural = str(asked.get("group", "")), str(asked.get("resource", ""))
        resource = next(
            (r for r in self._catalog.resources if (r.group, r.plural) == (group, plural)), None
        )
        below = asked.get("subresource", "") in ("", "status", "log")
        allowed, why = False, _READ_ONLY
        if asked.get("verb") in ("get", "list") and resource is not None and below:
            why = self._why_not(group, plural, str(asked.get("namespace", "")), resource.namespaced)
            allowed = not why
        return {**body, "status": {"allowed": allowed, **({"reason": why} if why else {})}}

    def _log(self, request: web.Request, target: Target) -> web.Response:
        pod = self._pods.get("Pod", target.namespace, target.name)
        if pod is None:
            raise ApiError(404, "NotFound", f'pods "{target.name}" not found')
        query = dict(request.query)
        names = [str(item["name"]) for item in pod["spec"].get("containers") or ()]
        container = query.get("container") or (names[0] if len(names) == 1 else "")
        if not container:
            raise bad_request(
                f"a container name must be specified for pod {target.name}, "
                f"choose one of: [{' '.join(names)}]"
            )
        previous = query.get("previous") in ("true", "1")
        line = self._logs.get((target.namespace, target.name, container, previous))
        if line is None and previous and not _restarted(pod, container):
            raise bad_request(
                f'previous terminated container "{container}" in pod "{target.name}" not found'
            )
        if line is None:
            which = "previous log" if previous else "log"
            raise forbidden("", "pods", target.name, not_recorded(f"{which} of {container}"))
        if line.refused:
            raise bad_request(line.refused)
        if not line.complete and _asks_for_more(line, query):
            first = line.lines[0][0]
            raise forbidden(
                "", "pods", target.name, not_recorded(f"lines before {first:%Y-%m-%d %H:%M:%S}Z")
            )
        text = render([(at, words) for at, words in line.lines], query, self._now())
        return web.Response(text=text, content_type="text/plain")


async def _body(request: web.Request) -> Json:
    # kubectl sends reviews as protobuf.
    if request.content_type == MEDIA_TYPE:
        return decode(await request.read())
    return parse_object(await request.text())


def _asks_for_more(line: PodLogLine, query: dict[str, str]) -> bool:
    """Whether a request reaches behind the oldest line of an incomplete log."""
    tail = query.get("tailLines", "")
    if tail.isdigit() and int(tail) <= len(line.lines):
        return False
    since = query.get("sinceTime", "")
    if not since or not line.lines:
        return not query.get("sinceSeconds")
    try:
        return datetime.fromisoformat(since) < line.lines[0][0]
    except ValueError:
        return False


def _restarted(pod: Json, container: str) -> bool:
    status = pod.get("status") or {}
    every = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    return any(s.get("name") == container and s.get("restartCount") for s in every)


def _group_version(path: str) -> tuple[str, str]:
    parts = path.strip("/").split("/")
    return ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])


def _resource(path: str) -> tuple[str, str]:
    """Return the group and the plural that a path is about."""
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if rest[:1] == ["watch"]:
        rest = rest[1:]
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    return group, rest[0] if rest else ""


def _version(said: Json) -> Version:
    """Return the API to present: that of the recorded release, old or modern."""
    minor = "".join(c for c in str(said.get("minor", "")) if c.isdigit())
    base = LEGACY if minor and int(minor) <= _LEGACY_MINOR else MODERN
    return replace(base, git=str(said["gitVersion"])) if said.get("gitVersion") else base
