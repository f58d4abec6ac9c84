"""The tools on a real cluster: KUBECONFIG names an administrator's kubeconfig.

Needs an image that the cluster can start: COPILOT_TEST_IMAGE, or local/python:3.11.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.kubernetes.reader import open_reader
from connectors.kubernetes.writer import KubernetesWriter, open_writer
from copilot.model.clock import SystemClock
from copilot.model.scope import Scope, Window
from copilot.tools.context import Limits
from copilot.tools.scope import validate_scope
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from tests.copilot.tools.worlds import told

pytestmark = pytest.mark.cluster

IMAGE = os.environ.get("COPILOT_TEST_IMAGE", "local/python:3.11")
SERVE = (
    "import http.server as h; h.HTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
)
CRASH = "print('FATAL login failed: password=hunter2', flush=True); raise SystemExit(3)"


def workload(name: str, program: str, **spec: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", program],
        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PEER", "value": "back:80"}],
        "ports": [{"containerPort": 8080}],
    }
    pods = {"terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    template = {"metadata": {"labels": {"app": name}}, "spec": pods}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def service(name: str, app: str, port: int) -> dict[str, Any]:
    spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": port}]}
    return {"metadata": {"name": name}, "spec": spec}


@pytest.fixture
async def namespace() -> AsyncIterator[str]:
    writer = await open_writer()
    name = f"conn-{secrets.token_hex(3)}"
    await writer.create("Namespace", "", {"metadata": {"name": name}})
    await asyncio.sleep(2)  # until the namespace has its service account
    await fill(writer, name)
    yield name
    await writer.delete("Namespace", "", name)
    await writer.close()


async def fill(writer: KubernetesWriter, namespace: str) -> None:
    await writer.create("Deployment", namespace, workload("back", SERVE))
    await writer.create("Deployment", namespace, workload("crash", CRASH))
    lost = workload("lost", SERVE, nodeSelector={"no-such": "node"})
    await writer.create("Deployment", namespace, lost)
    await writer.create("Service", namespace, service("back", "back", 9999))
    await writer.create("Service", namespace, service("lost", "nobody", 8080))


async def test_the_tools_see_what_is_wrong(namespace: str) -> None:
    reader = await open_reader()
    sources = Sources(SystemClock(), cluster=reader)
    wanted = Scope("real", (namespace,), Window.last(SystemClock().now()), ("svc/back",))
    scope = await validate_scope(sources, wanted)
    assert scope.services == ("back",)
    for _ in range(60):
        box = Toolbox(sources, scope, Limits(lists=0))
        overview = await told(box, "list_resources")
        if "restarted" in overview and "Pod back-" not in overview:
            break
        await asyncio.sleep(1)
    assert "last ended: Error, exit code 3" in overview
    assert "not scheduled: 0/1 nodes are available" in overview
    assert "Service lost: ClusterIP ports 80→8080, selects app=nobody | its selector" in overview

    logs = await told(box, "get_logs", service="crash")
    assert "FATAL login failed: password=[redacted:password:" in logs
    assert "Warning FailedScheduling Pod/lost-" in await told(box, "get_events")
    assert "no container declares port 9999" in await told(
        box, "check_connectivity", service="back"
    )
    assert "crash → back (env PEER)" in await told(box, "get_topology")
    described = await told(box, "describe_resource", kind="deploy", name="back")
    assert "name: DB_PASSWORD\n          value: '[redacted:password:" in described
    assert "hunter2" not in described + logs

    writer = await open_writer()
    patch = {
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nope/x:9"}]}}}
    }
    await writer.patch("Deployment", namespace, "back", patch, type="strategic")
    await writer.close()
    for _ in range(30):
        changes = await told(Toolbox(sources, scope, Limits(lists=0)), "get_changes")
        if "revision 2" in changes:
            break
        await asyncio.sleep(1)
    assert f"back: rolled out revision 2: main: image: {IMAGE} → nope/x:9" in changes
    await reader.close()
