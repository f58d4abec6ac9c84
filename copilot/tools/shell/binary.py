"""The read verbs that the kubectl binary prints: describe, logs, top, events, explain, …"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.tools.context import Context
from copilot.tools.shell.cluster import ShellCluster, Wanted, objects, spaces
from copilot.tools.shell.get import Printed
from copilot.tools.shell.kubectl import Call
from copilot.tools.shell.words import Refused
from copilot.tools.wrap import told

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_LOGGED = (*_WORKLOADS, "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod", "Service")


async def run(context: Context, cluster: ShellCluster, call: Call) -> Printed:
    """Run kubectl for a read verb. Raises `Refused` and `ToolFailure`."""
    arguments = [*call.verb.name.split(), *await _arguments(context, cluster, call)]
    with told(f"run kubectl {call.verb.name}"):
        seconds = max(context.limits.seconds - 2, context.limits.seconds / 2)
        answer = await cluster.kubectl(arguments, seconds=seconds)
    notes = [line for line in answer.stderr.splitlines() if line.strip()]
    if answer.cut:
        notes.append("the output was cut: it is too long; use --tail or --since")
    text = answer.stdout
    if call.verb.name == "describe":
        text = _in_scope(text, context.scope.namespaces, notes)
    if answer.code and not text and not notes:
        notes.append(f"kubectl ended with exit code {answer.code}")
    return Printed(text, notes)


async def _arguments(context: Context, cluster: ShellCluster, call: Call) -> list[str]:
    """Put the command line together anew, from what was understood."""
    skipped = ("namespace", "context", "request-timeout", "all-namespaces")
    flags = [f"--{name}={value}" for name, value in call.flags if name not in skipped]
    words: list[str] = list(call.words)
    name = call.verb.name
    namespaced = call.verb.namespaced
    if name in ("describe", "logs", "rollout history", "rollout status"):
        words, namespaced = await _words(context, cluster, call)
    elif name == "top":
        namespaced = _top(call)
    elif name == "auth can-i":
        _can_i(call)
        namespaced = True
    elif name == "events":
        flags += await _events(cluster, call)
        flags = [flag for flag in flags if not flag.startswith("--for=")] + [
            flag for flag in flags if flag.startswith("--for=")
        ][-1:]
    elif name == "explain" and not re.fullmatch(r"[A-Za-z0-9.\[\]*/-]{1,300}", call.words[0]):
        raise Refused(f'"{call.words[0]}" as a field', "kubectl explain pod.spec.containers")
    if name == "rollout status":
        flags.append("--watch=false")
    if namespaced:
        where = spaces(context, call, cluster.default_namespace)
        if len(where) > 1:
            raise Refused(
                "--all-namespaces over several namespaces",
                f"name one with -n: {', '.join(where)}",
            )
        flags.append(f"--namespace={where[0]}")
    return [*flags, *words]


async def _words(context: Context, cluster: ShellCluster, call: Call) -> tuple[list[str], bool]:
    name, words = call.verb.name, list(call.words)
    if name == "logs":
        return await _logs(cluster, words, call), True
    wanted = await objects(cluster, words)
    for one in wanted:
        _check(context, name, one)
    if any("/" in word for word in words):
        found = [f"{one.argument}/{one.names[0]}" for one in wanted]
    else:
        found = [",".join(dict.fromkeys(one.argument for one in wanted)), *wanted[0].names]
    return found, any(one.resource.namespaced for one in wanted)


def _check(context: Context, verb: str, one: Wanted) -> None:
    if one.secret:
        raise Refused(
            "the values of Secrets are never read, and kubectl would read them",
            "kubectl get secrets, or describe_resource",
        )
    if one.resource.kind == "Namespace" and verb == "describe":
        outside = [each for each in one.names if each not in context.scope.namespaces]
        if outside or not one.names:
            raise Refused(
                "namespaces outside this investigation",
                f"name one of: {', '.join(context.scope.namespaces)}",
            )
    if verb.startswith("rollout") and one.resource.kind not in _WORKLOADS:
        raise Refused(f"{one.resource.kind}s have no rollouts", f"one of: {', '.join(_WORKLOADS)}")


async def _logs(cluster: ShellCluster, words: Sequence[str], call: Call) -> list[str]:
    if not words:
        if not call.flag("selector"):
            raise Refused("kubectl logs without a pod", "kubectl logs POD, or get_logs")
        return []
    first, *rest = words
    kind, slash, name = first.partition("/")
    if slash:
        wanted = await objects(cluster, [first])
        if wanted[0].resource.kind not in _LOGGED:
            raise Refused(f"{wanted[0].resource.kind}s have no logs", "kubectl logs POD")
        first = f"{wanted[0].argument}/{name}"
    elif not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", kind):
        raise Refused(f'"{first}" as the name of a pod')
    if rest and not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", rest[0]):
        raise Refused(f'"{rest[0]}" as the name of a container')
    return [first, *rest]


def _top(call: Call) -> bool:
    kind = call.words[0]
    if kind in ("pod", "pods", "po"):
        return True
    if kind in ("node", "nodes", "no"):
        return False
    raise Refused(f"kubectl top {kind}", "kubectl top pods, or kubectl top nodes")


def _can_i(call: Call) -> None:
    if not call.on("list") and len(call.words) < 2:
        raise Refused(
            "kubectl auth can-i without a verb and a kind", "kubectl auth can-i list pods"
        )
    for word in call.words:
        if not re.fullmatch(r"[a-z0-9*][A-Za-z0-9./*_-]{0,200}|\*", word):
            raise Refused(f'"{word}" in kubectl auth can-i')


async def _events(cluster: ShellCluster, call: Call) -> list[str]:
    about = call.flag("for")
    if not about:
        return []
    wanted = await objects(cluster, [about])
    if len(wanted) != 1 or not wanted[0].names:
        raise Refused(f'"{about}" after --for', "write --for=KIND/NAME")
    return [f"--for={wanted[0].resource.singular}/{wanted[0].names[0]}"]


def _in_scope(text: str, namespaces: Sequence[str], notes: list[str]) -> str:
    """Leave out of a Node's description the pods of other namespaces."""
    kept: list[str] = []
    hidden, listing = 0, False
    for line in text.splitlines(keepends=True):
        if line.startswith("Non-terminated Pods:"):
            listing = True
        elif listing and not line.startswith(" "):
            listing = False
        elif listing:
            space = line.split(maxsplit=1)[0] if line.strip() else ""
            if space not in (*namespaces, "Namespace", "---------", ""):
                hidden += 1
                continue
        kept.append(line)
    if hidden:
        notes.append(f"{hidden} pods of other namespaces are left out")
    return "".join(kept)
