"""kubectl against the emulator as the present version: what 1.20 lacks, by its known formats."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kubectl_manifests import (
    BAD_WIDGET,
    BASE,
    CHANGED,
    CRD,
    INDEXED,
    OTHERS,
    TYPO,
    WEB,
    WIDGET,
)

_OTHERS = OTHERS.replace("batch/v1beta1", "batch/v1")
_CHECKS: tuple[tuple[str, str, int, str], ...] = (
    # command, manifest, exit code, pattern of its output
    ("top pods -l app=web", "", 0, r"^NAME +CPU\(cores\) +MEMORY\(bytes\) *\nweb-\S+ +12m +24Mi"),
    (
        "top pods --containers",
        "",
        0,
        r"^POD +NAME +CPU\(cores\) +MEMORY\(bytes\) *\n(\S+ +\S+ +12m +24Mi *\n)+",
    ),
    ("top pods --sum -l app=web", "", 0, r"_+ +_+ *\n +24m +48Mi"),
    (
        "top nodes",
        "",
        0,
        r"^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\) *\nnode-1 +\d+m +\d+% +\d+Mi +\d+%",
    ),
    (
        "auth whoami",
        "",
        0,
        r"^ATTRIBUTE +VALUE\nUsername +kubernetes-admin\nGroups +\[system:masters system:authenticated\]",
    ),
    ("create token robot", "", 0, r"^[\w-]+\.[\w-]+\.[\w-]+$"),
    (
        "events --for deploy/web",
        "",
        0,
        r"^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\d+s +Normal +ScalingReplicaSet +Deployment/web +Scaled up replica set web-\w+ from 0 to 2",
    ),
    ("apply --server-side -f -", WEB, 0, r"^deployment.apps/web serverside-applied"),
    (
        "apply --server-side --field-manager=one --force-conflicts -f -",
        WEB,
        0,
        r"deployment.apps/web serverside-applied",
    ),
    (
        "apply --server-side --field-manager=two -f -",
        CHANGED,
        1,
        r'Apply failed with 2 conflicts: conflicts with "kubectl":\n- .*\nconflicts with "one":\n- \.spec\.template\.spec\.containers\[name="main"\]\.env\[name="MODE"\]\.value',
    ),
    (
        "create -f -",
        TYPO.replace("name: web\n", "name: fresh\n", 1),
        1,
        r'Error from server \(BadRequest\): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec\.replicaz"',
    ),
    (
        "apply -f -",
        TYPO,
        1,
        r'The request is invalid: patch: Invalid value: "map\[[\s\S]*strict decoding error: unknown field "spec\.replicaz"',
    ),
    ("apply --validate=warn -f -", TYPO, 0, r'Warning: unknown field "spec\.replicaz"'),
    ("apply --validate=ignore -f -", TYPO, 0, r"^deployment.apps/web (configured|unchanged)\n$"),
    (
        "explain pod.spec.containers.livenessProbe.httpGet",
        "",
        0,
        r"^KIND: +Pod\nVERSION: +v1\n\nFIELD: httpGet <HTTPGetAction>\n\n\nDESCRIPTION:\n[\s\S]*FIELDS:\n  host\t<string>",
    ),
    ("explain deployment.spec --recursive", "", 0, r"FIELDS:\n  minReadySeconds\t<integer>\n"),
    (
        "explain hpa.spec.metrics",
        "",
        0,
        r"GROUP: +autoscaling\nKIND: +HorizontalPodAutoscaler\nVERSION: +v2\n",
    ),
    ("get pods -l app=crash", "", 0, r"crash +0/1 +CrashLoopBackOff +\d+ \(\d+s ago\)"),
    (
        "get job once",
        "",
        0,
        r"^NAME +STATUS +COMPLETIONS +DURATION +AGE\nonce +Complete +1/1 +\d+s",
    ),
    ("get cronjob", "", 0, r"^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE"),
    (
        "get endpoints web",
        "",
        0,
        r"Warning: v1 Endpoints is deprecated in v1\.33\+; use discovery\.k8s\.io/v1 EndpointSlice",
    ),
    ("get cronjobs.v1beta1.batch", "", 1, r"the server doesn't have a resource type \"cronjobs\""),
    ("exec deploy/web -- printenv MODE", "", 0, r"^plain\n$"),
    ("exec deploy/web -- wget -qO- http://web/", "", 0, r"^$"),
    ("exec deploy/web -- nc -zv db 5433", "", 1, r"bad address|refused|timed out"),
    (
        "exec deploy/web -- nslookup web",
        "",
        0,
        r"Name:\tweb\.\S+\.svc\.cluster\.local\nAddress: 10\.",
    ),
    (
        "api-resources --api-group=policy",
        "",
        0,
        r"poddisruptionbudgets +pdb +policy/v1 +true +PodDisruptionBudget",
    ),
    ("get pods --subresource=status -o name -l app=crash", "", 1, r"subresource|--subresource"),
    ("get deploy web --subresource=scale", "", 0, r"^NAME +DESIRED +AVAILABLE\nweb +2 +2|^NAME"),
    ("debug pair --image=local/python:3.11 -c dbg -- sleep 60", "", 0, r"^$|profile"),
    ("describe pod pair", "", 0, r"Ephemeral Containers:\n  dbg:\n"),
    ("apply -f -", INDEXED, 0, r"^job.batch/sweep created"),
    ("wait job/sweep --for=condition=complete --timeout=60s", "", 0, r"condition met"),
    ("get job sweep -o jsonpath={.status.completedIndexes}", "", 0, r"^0-2$"),
    ("describe job sweep", "", 0, r"Completion Mode: +Indexed\n[\s\S]*Completed Indexes: +0-2\n"),
    (
        "get events --field-selector involvedObject.name=stuck -o jsonpath={.items[0].message}",
        "",
        0,
        r"^0/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity/selector\."
        r" preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling\.$",
    ),
    ("apply -f -", CRD, 0, r"customresourcedefinition.apiextensions.k8s.io/widgets\S+ created"),
    ("apply -f -", WIDGET, 0, r"^widget.agreement.example.com/w1 created"),
    (
        "apply -f -",
        BAD_WIDGET,
        1,
        r'Widget "w2" is invalid: spec\.size: Invalid value: 0: spec\.size in body should be greater than or equal to 1',
    ),
    ("get wd", "", 0, r"^NAME +SIZE\nw1 +3"),
    ('patch widget w1 --type=merge -p {"spec":{"size":5}}', "", 0, r"w1 patched"),
    (
        'patch widget w1 -p {"spec":{"size":6}}',
        "",
        1,
        r"unsupported patch type|UnsupportedMediaType|not supported",
    ),
    ("explain widget.spec", "", 0, r"FIELDS:\n  size\t<integer> -required-"),
    ("delete crd widgets.agreement.example.com", "", 0, r"deleted"),
    (
        "get wd",
        "",
        1,
        r"the server doesn't have a resource type|could not find the requested resource",
    ),
    ("version", "", 0, r"Server Version: v1\.33\.4"),
)


@dataclass(frozen=True, slots=True)
class Check:
    command: str
    good: bool


async def modern_checks(folder: Path, kubectl: str) -> list[Check]:
    """Run the checks; what is wrong is printed."""
    from benchmarks.kubectl_agreement import NAMESPACE, emulated

    cluster = emulated("1.33")
    await cluster.serve()
    cluster.kubeconfig(folder / "admin", "admin", namespace=NAMESPACE)
    clock = asyncio.create_task(cluster.clock.run_realtime(5.0, interval=0.05))

    async def run(command: str, stdin: str = "") -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            kubectl,
            *command.split(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "KUBECONFIG": str(folder / "admin"), "HOME": str(folder)},
        )
        out, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        return process.returncode or 0, out.decode()

    found = []
    try:
        await run(f"create namespace {NAMESPACE}")
        for manifest in (BASE, WEB, _OTHERS):
            await run("apply -f -", manifest)
        await run("rollout status deploy/web --timeout=30s")
        await asyncio.sleep(2)
        for command, stdin, code, pattern in _CHECKS:
            got, out = await run(command, stdin)
            good = got == code and re.search(pattern, out) is not None
            found.append(Check(command, good))
            if not good:
                print(f"WRONG {command}: exit {got}\n{out}")
    finally:
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)
        await cluster.close()
    return found
