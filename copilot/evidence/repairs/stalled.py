"""Workers that live and take nothing: a lock whose holder is gone, a release that blocks, a message that nobody can read."""

from __future__ import annotations

import json
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.analyzers.written import only_at_start, uses
from copilot.evidence.case import Case
from copilot.evidence.kube import dig, name_of, namespace_of
from copilot.evidence.repairs import running
from copilot.evidence.repairs.common import BACK, POD, WORKLOADS, Facts, Row, escaped
from copilot.model.action import Restart, Risk, SetField
from copilot.model.scope import ObjectRef


def lag(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Take more out of a queue; a worker that takes nothing is started again: twice nothing is nothing."""
    if not facts.get("stalled"):
        yield from running.more(case, ref, facts)
    elif ref.kind in WORKLOADS:
        yield (
            f"Restart {ref.kind} {ref.name}, which has stopped working",
            Restart(ref),
            Risk.MEDIUM,
            "A restart cannot be taken back; the pods are equal to those before.",
            "It works again, and the queue shrinks.",
        )


def release(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Release the lock that a workload waits for, where the pod that holds it is gone."""
    lock, holder = held(ref, facts), str(facts.get("holder", ""))
    obj = case.snapshot.get(lock) if lock else None
    if lock is None or not holder or _lives(case, ref.namespace, holder):
        return
    expected = f"{ref.name} takes the lock and works again."
    if lock.kind == "Lease" and (
        obj is None or str(dig(obj, "spec.holderIdentity")).partition("_")[0] == holder
    ):
        yield (
            f"Release Lease {lock.name}, which {holder} holds that is gone",
            SetField(lock, "/spec/holderIdentity"),
            Risk.LOW,
            BACK,
            expected,
        )
    data = dig(obj or {}, "data", {}) or {}
    keys = [key for key, text in data.items() if holder in str(text)]
    if lock.kind != "ConfigMap" or len(keys) != 1:
        return
    # Without a key that they are told to expect, pods do not start; an empty one they can live with.
    wanted = uses(case, ref, lock) and f'"key": "{keys[0]}"' in json.dumps(case.snapshot.spec(ref))
    path = "/data" if len(data) == 1 and not wanted else f"/data/{escaped(keys[0])}"
    stale = uses(case, ref, lock) and only_at_start(case, ref, lock) and ref.kind in WORKLOADS
    yield (
        f"Release lock {keys[0]} in ConfigMap {lock.name}, which {holder} holds that is gone",
        SetField(lock, path, '""' if wanted else "", f"{ref.kind}/{ref.name}" * stale),
        Risk.LOW,
        BACK,
        expected,
    )


def held(ref: ObjectRef, facts: Facts) -> ObjectRef | None:
    """Return the object that keeps the lock a workload waits for, where it is known."""
    kind, _, name = str(facts.get("lock", "")).partition("/")
    return ObjectRef(kind, ref.namespace, name) if name else None


def _lives(case: Case, namespace: str, holder: str) -> bool:
    return any(
        namespace_of(pod) == namespace
        and (holder == name_of(pod) or holder.startswith(f"{name_of(pod)}_"))
        for pod in case.snapshot.of("Pod")
    )


def unlock(ref: ObjectRef, facts: Facts) -> str:
    """Return the command that releases a lock of which it is not known here who holds it; "" without one."""
    lock = held(ref, facts)
    if lock is None:
        return ""
    if lock.kind == "Lease":
        change = '[{"op":"remove","path":"/spec/holderIdentity"}]'
        return f"kubectl patch lease {lock.name} -n {lock.namespace} --type=json -p '{change}'"
    return f"kubectl edit {lock.kind.lower()} {lock.name} -n {lock.namespace}  # remove the holder of the lock"


def skip(case: Case, ref: ObjectRef) -> str:
    """Return the command that takes the first message out of the queue of a worker, by its broker's own client."""
    queue, group = _queue(case, ref)
    for workload in case.snapshot.workloads:
        if namespace_of(workload) != ref.namespace:
            continue
        place = f"{workload['kind'].lower()}/{name_of(workload)}"
        inside = f"kubectl exec {place} -n {ref.namespace} -- "
        for word, client in _CLIENTS.items():
            if word in _images(workload):
                stop = f"kubectl scale {ref.kind.lower()}/{ref.name} -n {ref.namespace} --replicas="
                command = inside + client.format(queue=queue, group=group)
                if word not in _STOPPED:
                    return command
                count = dig(case.snapshot.get(ref), "spec.replicas", 1)
                return f"{stop}0 && {command} && {stop}{count}"
    return f"kubectl exec <broker> -n {ref.namespace} -- <client that takes one message out of {queue}>"


_CLIENTS = {
    "rabbitmq": "rabbitmqadmin get queue={queue} count=1 ackmode=ack_requeue_false",
    "kafka": "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --group {group} --topic {queue}"
    " --reset-offsets --shift-by 1 --execute",
    "redpanda": "rpk group seek {group} --topics {queue} --to <offset after the message>",
    "nats": "nats consumer next {queue} {group} --ack",
    "activemq": "activemq purge {queue} --msgsel <selector of the message>",
    "redis": "redis-cli LPOP {queue}",
    "valkey": "valkey-cli LPOP {queue}",
}
_STOPPED = ("kafka", "redpanda")
"""Brokers whose positions can be moved only while nobody consumes."""


def _queue(case: Case, ref: ObjectRef) -> tuple[str, str]:
    """Return the queue that grows most in the namespace, and who consumes it, as its metrics name them."""
    meters = [m for m in case.snapshot.telemetry.meters if m.kind == "backlog" and m.queue]
    meters = [m for m in meters if m.namespace in ("", ref.namespace)]
    top = max(meters, key=lambda m: m.rise, default=None)
    return (top.queue if top else "") or "<queue>", (top.group if top else "") or "<group>"


def _images(workload: Json) -> str:
    found = dig(workload, f"{POD[1:].replace('/', '.')}.containers", []) or []
    return " ".join(str(container.get("image", "")) for container in found)
