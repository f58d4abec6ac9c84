"""AIOpsLab's checks of a repair, with their flaws: what they overlook is overlooked here too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from connectors.api.values import Json
from eval.oracles.answers import Judged
from eval.problems import Check, Problem
from eval.protocols import Environment

_PORT = 9090
_WAIT_SECONDS = 60.0
_STEP_SECONDS = 5.0
_BAD_WAITING = ("CrashLoopBackOff",)
_BAD_IMAGES = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull")


async def repaired_compat(environment: Environment, problem: Problem) -> Judged:
    """Look as the reference looks. A check that would crash there fails here."""
    target = problem.faults[0].target
    return await _CHECKS[problem.check](environment, target)


async def _pods(environment: Environment, target: str) -> Judged:
    """No container waits in a crash loop or ended badly, and all are ready; a pod without statuses
    (Pending) is passed over."""
    return _judge(await _all(environment), _BAD_WAITING, strict=False)


async def _pods_strictly(environment: Environment, target: str) -> Judged:
    """The same, but a pod without statuses is a TypeError in the reference."""
    return _judge(await _all(environment), _BAD_WAITING, strict=True)


async def _target_port(environment: Environment, target: str) -> Judged:
    service = await environment.reader.get("Service", environment.namespace, target)
    port = service["spec"]["ports"][0].get("targetPort")
    if port != _PORT:
        return Judged(False, f"targetPort is {port!r}")
    return await _pods(environment, target)


async def _ready_within_a_minute(environment: Environment, target: str) -> Judged:
    waited = 0.0
    while True:
        pods = await _all(environment)
        if pods and all(_ready(pod) for pod in pods):
            return Judged(True, f"ready after {waited:.0f} s")
        if waited >= _WAIT_SECONDS:
            return Judged(False, "not ready within 60 s")
        await environment.clock.sleep(_STEP_SECONDS)
        waited += _STEP_SECONDS


async def _scaled(environment: Environment, target: str) -> Judged:
    found = await environment.reader.get("Deployment", environment.namespace, target)
    available = (found.get("status") or {}).get("availableReplicas")
    if found["spec"].get("replicas") != 1 or available != 1:
        return Judged(False, f"{found['spec'].get('replicas')} wanted, {available} available")
    return await _pods(environment, target)


async def _named_pod(environment: Environment, target: str) -> Judged:
    pods = await _all(environment)
    if not any(target in pod["metadata"]["name"] for pod in pods):
        return Judged(False, f"no pod is called {target}")
    return _judge(pods, _BAD_WAITING, strict=False)


async def _command(environment: Environment, target: str) -> Judged:
    found = await environment.reader.get("Deployment", environment.namespace, target)
    commands = [c.get("command") or [] for c in found["spec"]["template"]["spec"]["containers"]]
    if not any(target in command for command in commands):
        return Judged(False, f"the command is {commands}")
    return _judge(await _all(environment), _BAD_IMAGES, strict=False)


async def _all(environment: Environment) -> list[Json]:
    return await environment.reader.list("Pod", environment.namespace)


def _judge(pods: list[Json], waiting: tuple[str, ...], *, strict: bool) -> Judged:
    for pod in pods:
        name = pod["metadata"]["name"]
        statuses = (pod.get("status") or {}).get("containerStatuses")
        if statuses is None:
            if strict:
                return Judged(False, f"{name} has no container statuses: a TypeError there")
            continue
        for status in statuses:
            state = status.get("state") or {}
            reason = (state.get("waiting") or {}).get("reason", "")
            ended = (state.get("terminated") or {}).get("reason", "Completed")
            if reason in waiting or ended != "Completed":
                return Judged(False, f"{name}: {reason or ended}")
            if not status.get("ready") and "terminated" not in state:
                return Judged(False, f"{name} is not ready")
    return Judged(True, "all pods ready")


def _ready(pod: Json) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    return conditions.get("Ready") == "True" or pod["status"].get("phase") == "Succeeded"


_CHECKS: dict[Check, Callable[[Environment, str], Awaitable[Judged]]] = {
    "pods": _pods,
    "pods_strictly": _pods_strictly,
    "target_port": _target_port,
    "ready_within_a_minute": _ready_within_a_minute,
    "scaled": _scaled,
    "named_pod": _named_pod,
    "command": _command,
}
