"""A loopback server that speaks the Kubernetes API for a few resources, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

GROUPS = {
    "apps": {"v1": [("Deployment", "deployments", True), ("Widget", "widgets", True)]},
    "batch": {
        "v1beta1": [("CronJob", "cronjobs", True)],
        "v1": [("Job", "jobs", True)],
    },
    "authorization.k8s.io": {
        "v1": [("SelfSubjectAccessReview", "selfsubjectaccessreviews", False)]
    },
    "shop.example.com": {"v2": [("Basket", "baskets", True), ("Event", "events", True)]},
}
CORE = [
    ("Pod", "pods", True),
    ("Service", "services", True),
    ("Secret", "secrets", True),
    ("ConfigMap", "configmaps", True),
    ("Event", "events", True),
    ("Namespace", "namespaces", False),
    ("Node", "nodes", False),
]


@dataclass
class LoopbackApi:
    """`objects` by plural name; `mischief` by path: how the answer goes wrong."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    mischief: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)
    aggregated: bool = False
    requests: list[web.BaseRequest] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    port: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        if request.can_read_body:
            self.bodies.append(await request.json())
        wrong = self.mischief.get(request.path)
        if wrong is not None:
            return await self.misbehave(request, wrong)
        parts = request.path.strip("/").split("/")
        if request.path in ("/api", "/apis") or parts[0] not in ("api", "apis"):
            return self.root(request)
        depth = 2 if parts[0] == "api" else 3
        if len(parts) == depth:
            return self.resources(parts)
        return self.resource(request, parts[depth:])

    def root(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.33.1"})
        core = request.path == "/api"
        if self.aggregated and "APIGroupDiscoveryList" in request.headers["Accept"]:
            known = {"": {"v1": CORE}} if core else GROUPS
            items = [
                {
                    "metadata": {"name": name},
                    "versions": [
                        {
                            "version": version,
                            "resources": [
                                {
                                    "resource": plural,
                                    "responseKind": {"kind": kind},
                                    "scope": "Namespaced" if namespaced else "Cluster",
                                }
                                for kind, plural, namespaced in kinds
                            ],
                        }
                        for version, kinds in versions.items()
                    ],
                }
                for name, versions in known.items()
            ]
            return web.json_response({"kind": "APIGroupDiscoveryList", "items": items})
        if core:
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        groups = [
            {
                "name": name,
                "versions": [{"version": version} for version in versions],
                "preferredVersion": {"version": list(versions)[-1]},
            }
            for name, versions in GROUPS.items()
        ]
        return web.json_response({"kind": "APIGroupList", "groups": groups})

    def resources(self, parts: list[str]) -> web.Response:
        kinds = CORE if parts[0] == "api" else GROUPS[parts[1]][parts[2]]
        listed = [
            {"name": plural, "kind": kind, "namespaced": namespaced}
            for kind, plural, namespaced in kinds
        ]
        listed.append({"name": "pods/log", "kind": "Pod", "namespaced": True})
        return web.json_response({"kind": "APIResourceList", "resources": listed})

    def resource(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        plural = parts[0]
        if plural == "selfsubjectaccessreviews":
            attributes = self.bodies[-1]["spec"]["resourceAttributes"]
            allowed = (attributes["verb"], attributes["resource"]) not in self.denied
            return web.json_response({"status": {"allowed": allowed}}, status=201)
        if len(parts) == 3 and parts[2] == "log":
            return self.log(parts[1])
        items = [
            item
            for item in self.objects.get(plural, [])
            if not namespace or item["metadata"].get("namespace") == namespace
        ]
        if len(parts) == 1 and request.method == "GET":
            return self.page(request, items)
        if request.method == "POST":
            return web.json_response(self.bodies[-1], status=201)
        found = next((item for item in items if item["metadata"]["name"] == parts[1]), None)
        if found is None:
            return status(404, f'{plural} "{parts[1]}" not found')
        if request.method == "PATCH":
            return web.json_response({**found, "patched": self.bodies[-1]})
        return web.json_response(found)

    def page(self, request: web.BaseRequest, items: list[dict[str, Any]]) -> web.Response:
        start = int(request.query.get("continue", "0"))
        limit = int(request.query.get("limit", "100000"))
        metadata = {"continue": str(start + limit)} if start + limit < len(items) else {}
        return web.json_response({"metadata": metadata, "items": items[start : start + limit]})

    def log(self, pod: str) -> web.Response:
        if pod not in self.logs:
            return status(400, f'container "main" in pod "{pod}" is waiting to start: no image')
        return web.Response(text=self.logs[pod])

    async def misbehave(self, request: web.BaseRequest, wrong: str) -> web.StreamResponse:
        if wrong.isdigit():
            return status(int(wrong), f"answered with {wrong}\nin two lines")
        if wrong == "gone":
            if "continue" in request.query:
                return status(410, "The provided continue parameter is too old")
            items = self.objects[request.path.rpartition("/")[2]]
            return self.page(request, items)
        if wrong == "slow":
            await asyncio.sleep(30)
        if wrong == "html":
            return web.Response(text="<html>Please log in</html>", content_type="text/html")
        if wrong == "list":
            return web.json_response(["not", "an", "object"])
        response = web.StreamResponse(headers={"Content-Length": "5000"})
        await response.prepare(request)
        await response.write(b'{"items": [')
        assert request.transport is not None
        request.transport.close()
        return response


def status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


def kubeconfig(folder: Path, server: str, **user: Any) -> Path:
    """Write a kubeconfig with the contexts "here" (current) and "there"."""
    path = folder / "kubeconfig"
    contexts = [
        {"name": name, "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
        for name in ("here", "there")
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "t0ken"}}],
        "contexts": contexts,
        "current-context": "here",
    }
    path.write_text(json.dumps(document))
    return path


async def serve(api: LoopbackApi) -> web.ServerRunner:
    """Start it on a free port, noted in `api.port`."""
    runner = web.ServerRunner(web.Server(api.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.port = runner.addresses[0][1]
    return runner
