"""Lifecycle hooks, and the runtime's words for programs that cannot be executed."""

from __future__ import annotations

import json
import re

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Run

POST_START_FAILED = "PostStartHook failed"
PRE_STOP_FAILED = "PreStopHook failed"
_SLEEP = re.compile(r"\bsleep\s+(\d+(?:\.\d+)?)")
_FAILED = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc"
    " create failed: unable to start container process: error during container init: exec: "
)


def exec_error(container: Json, run: Run) -> str:
    """Return containerd's words for a program that cannot be executed."""
    command = container.get("command") or container.get("args") or [""]
    program = run.detail or str(command[0])
    if run.start_error == "permission":
        return f'{_FAILED}"{program}": permission denied: unknown'
    if "/" in program:
        return f'{_FAILED}"{program}": stat {program}: no such file or directory: unknown'
    return f'{_FAILED}"{program}": executable file not found in $PATH: unknown'


def post_start(world: World, pod: Json, item: ContainerState) -> str:
    """Run a postStart hook; returns what the kubelet's event says when it fails, or ""."""
    hook = (item.spec.get("lifecycle") or {}).get("postStart") or {}
    return _failure(world, pod, item, hook, POST_START_FAILED)


def pre_stop(world: World, pod: Json, item: ContainerState) -> tuple[float, str]:
    """Run a preStop hook; returns how many seconds it takes, and the event's text if it fails."""
    hook = (item.spec.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return float(hook["sleep"].get("seconds", 0)), ""
    text = " ".join(map(str, (hook.get("exec") or {}).get("command") or ()))
    match = _SLEEP.search(text)
    return (float(match[1]) if match else 0.0), _failure(world, pod, item, hook, PRE_STOP_FAILED)


def _failure(world: World, pod: Json, item: ContainerState, hook: Json, present: str) -> str:
    command = [str(word) for word in (hook.get("exec") or {}).get("command") or ()]
    if not command:
        return ""
    answer = world.software.command(pod, item.name, command, world.clock.now())
    if answer is None or answer[0] == 0:
        return ""
    if not world.registry.catalog.version.legacy:
        return present
    code, output = answer
    meta, line = pod["metadata"], " ".join(command)
    return (
        f'Exec lifecycle hook ([{line}]) for Container "{item.name}" in Pod'
        f" \"{meta['name']}_{meta['namespace']}({meta['uid']})\" failed - error: command '{line}'"
        f" exited with {code}: , message: {json.dumps(output)}"
    )
