"""How much of a resource: sized from what is known, not by a blind factor."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, created, dig, pod_spec, quantity, ref_of
from copilot.evidence.repairs.common import (
    BACK,
    READY,
    Facts,
    Row,
    concerned,
    joined,
    nudged,
    peers,
    place,
)
from copilot.model.action import DeleteObject, Restart, Risk, SetField, Several
from copilot.model.scope import ObjectRef

_MI = 1024.0**2
_LEAST = 128 * _MI
"""Memory that any server program may have, in bytes."""
_NEEDS = {
    r"mongo|postgres|maria|percona": 512, r"mysql|rabbitmq|opensearch|elastic|kafka|cassandra|zookeeper": 1024,
    r"jdk|java|jre|spring|tomcat|jenkins|keycloak": 1024, r"dotnet|aspnet|node|prometheus|grafana|envoy": 256,
}  # fmt: skip
"""Mebibytes that programs of a kind start with, by their documentation's minimum, by words of the image."""
_BREACH = re.compile(
    r"(maximum|minimum) (cpu|memory|ephemeral-storage) usage per (?:Container|Pod) is (\S+?),? but (limit|request) is (\S+?)\.?(?:[,\]]|$|\s)"
)


def memory(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Raise the memory limit to what the program is known to need, with as much again."""
    path, container = place(case, ref, str(facts.get("container", "")))
    limit = quantity(dig(container, "resources.limits.memory"))
    if not limit:
        yield from _default_limit(case, ref)
        return
    before = _before(case, ref, str(container.get("name", "")))
    wanted = before if before > limit else max(4 * limit, _known(case, ref, container), _LEAST)
    wanted = min(wanted, _largest(case, "memory") or wanted)
    if wanted <= limit:
        return
    now, raised = dig(container, "resources.limits.memory"), _mebibytes(wanted)
    yield (
        f"Raise the memory limit of {ref.name} from {now} to {raised}",
        SetField(ref, f"{path}/resources/limits/memory", json.dumps(raised)),
        Risk.MEDIUM,
        BACK,
        "It is not killed any more.",
    )


def _known(case: Case, ref: ObjectRef, container: Json) -> float:
    """Return what its usage, its neighbours of one image, and its kind of program say, in bytes."""
    names = {str(dig(pod, "metadata.name")) for pod in case.snapshot.pods(ref)}
    found = [0.0]
    for usage in case.snapshot.telemetry.usages:
        if usage.resource == "memory" and usage.pod in names:
            found += [2 * (usage.level.base or 0.0), 2 * (usage.level.now or 0.0)]
    image = str(container.get("image", ""))
    found += [
        quantity(dig(peer, "resources.limits.memory")) or 0.0
        for _, peer in peers(case, ref)
        if peer.get("image") == image
    ]
    found += [n * _MI for words, n in _NEEDS.items() if re.search(words, image)]
    return max(found)


def _before(case: Case, ref: ObjectRef, name: str) -> float:
    """Return the greatest limit of an earlier revision, in bytes; 0 without one."""
    return max(
        (
            quantity(dig(item, "resources.limits.memory")) or 0.0
            for found in case.snapshot.replica_sets(ref)[1:]
            for item in containers(pod_spec(found))
            if item.get("name") == name
        ),
        default=0.0,
    )


def _largest(case: Case, resource: str) -> float:
    """Return the most of a resource that a node offers, 0 where unknown."""
    return max(
        (
            quantity(dig(node, "status.allocatable", {}).get(resource)) or 0.0
            for node in case.snapshot.of("Node")
        ),
        default=0.0,
    )


def _mebibytes(size: float) -> str:
    return f"{math.ceil(size / _MI)}Mi"


def _default_limit(case: Case, ref: ObjectRef) -> Iterator[Row]:
    """Delete a new LimitRange whose default limit it is, and restart what got the default."""
    for item in case.snapshot.of("LimitRange"):
        place = ref_of(item)
        own = place.namespace == ref.namespace and case.snapshot.is_known_period(created(item))
        defaults = [dig(part, "default.memory") for part in dig(item, "spec.limits", []) or []]
        if own and any(defaults):
            yield (
                f"Delete LimitRange {place.name}, whose default limit it is, and restart {ref.name}",
                Several(place, (DeleteObject(place), Restart(ref))),
                Risk.MEDIUM,
                "Create the LimitRange again as it was.",
                "It is not killed any more.",
            )


def request(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Lower a request that fits on no node to that of the neighbours, or to a share of a node."""
    resource = str(facts.get("resource", ""))
    if resource not in ("cpu", "memory", "ephemeral-storage"):
        return
    for index, container in enumerate(containers(case.snapshot.spec(ref))):
        resources = container.get("resources") or {}
        asked = quantity(dig(resources, "requests", {}).get(resource)) or quantity(
            dig(resources, "limits", {}).get(resource)
        )
        largest = _largest(case, resource)
        usual = sorted(
            found
            for _, peer in peers(case, ref)
            if (found := quantity(dig(peer, "resources.requests", {}).get(resource)))
        )
        wanted = usual[len(usual) // 2] if usual else largest / 20
        if not asked or not wanted or asked <= wanted:
            continue
        text = f"{math.ceil(1000 * wanted)}m" if resource == "cpu" else _mebibytes(wanted)
        requests = {**(resources.get("requests") or {}), resource: text}
        yield (
            f"Lower the request for {resource} of {ref.name} to {text}",
            SetField(ref, f"/spec/template/spec/containers/{index}/resources",
                     json.dumps({**resources, "requests": requests}, sort_keys=True)),
            Risk.MEDIUM,
            BACK,
            "Its pods are scheduled.",
        )  # fmt: skip


def within(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Bring the resources of the pods that a LimitRange refuses within it."""
    for workload in concerned(case, ref, facts):
        said = " ".join(
            str(event.get("message", ""))
            for item in (workload, *map(ref_of, case.snapshot.replica_sets(workload)[:1]))
            for event in case.snapshot.events(item)
        )
        breaches = {(m[1], m[2], m[4]): m[3] for m in _BREACH.finditer(said)}
        changed = []
        for index, container in enumerate(containers(case.snapshot.spec(workload))):
            resources = _clamped(container.get("resources") or {}, breaches)
            if resources != (container.get("resources") or {}):
                path = f"/spec/template/spec/containers/{index}/resources"
                changed.append(SetField(workload, path, json.dumps(resources, sort_keys=True)))
        if changed:
            yield (
                f"Bring the resources of {workload.kind} {workload.name} within LimitRange {ref.name}",
                joined(workload, changed),
                Risk.MEDIUM,
                BACK,
                "Its pods are created.",
            )


def _clamped(resources: Json, breaches: dict[tuple[str, str, str], str]) -> Json:
    found = {k: dict(v) for k, v in resources.items() if isinstance(v, dict)}
    for (which, resource, _), bound in breaches.items():
        edge = quantity(bound)
        for part in ("limits", "requests"):
            now = quantity(found.get(part, {}).get(resource))
            beyond = now is not None and edge is not None and (
                now > edge if which == "maximum" else now < edge
            )  # fmt: skip
            if beyond:
                found[part][resource] = bound
    return {**resources, **found}


def metric_request(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Give the containers of an autoscaler's target the request that its metric is a share of."""
    scaler = case.snapshot.get(ref)
    target = dig(scaler, "spec.scaleTargetRef", {}) or {}
    workload = ObjectRef(str(target.get("kind")), ref.namespace, str(target.get("name")))
    named = {str(dig(m, "resource.name")) for m in dig(scaler, "spec.metrics", []) or []}
    resource = "memory" if named == {"memory"} else "cpu"
    changed = []
    for index, container in enumerate(containers(case.snapshot.spec(workload))):
        resources = container.get("resources") or {}
        asked = {**dig(resources, "limits", {}), **dig(resources, "requests", {})}
        if resource not in asked:
            usual = next(
                (dig(p, "resources.requests", {}).get(resource) for _, p in peers(case, workload)
                 if resource in dig(p, "resources.requests", {})), None)  # fmt: skip
            requests = {**(resources.get("requests") or {}),
                        resource: usual or ("100m" if resource == "cpu" else "128Mi")}  # fmt: skip
            path = f"/spec/template/spec/containers/{index}/resources"
            value = json.dumps({**resources, "requests": requests}, sort_keys=True)
            changed.append(SetField(workload, path, value))
    if changed:
        yield (
            f"Give {workload.kind} {workload.name} a request for {resource}",
            joined(workload, changed),
            Risk.LOW,
            BACK,
            f"Autoscaler {ref.name} reads its metric.",
        )


_ASKED = re.compile(r"requested: ([^;]*?), used: ([^;]*?), limited: (\S+)")
_UNSPECIFIED = re.compile(r"must specify ")


def quota(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Raise what a quota limits to what is asked for, with room; delete one that is new."""
    hard = dict(dig(case.snapshot.get(ref), "spec.hard", {}) or {})
    used = dig(case.snapshot.get(ref), "status.used", {}) or {}
    detail = str(facts.get("detail", ""))
    workloads = concerned(case, ref, facts)
    match = _ASKED.search(detail)
    asked = dict(p.split("=", 1) for p in match[1].split(",") if "=" in p) if match else {}
    raised = {
        name: _room(str(limit), asked.get(name), used.get(name))
        for name, limit in hard.items()
        if name in asked or (not asked and name in detail)
    }
    # "must specify limits.memory for: a; requests.memory for: a": no limit is too low, all are demanded.
    unspecified = [name for name in hard if name in detail] if _UNSPECIFIED.search(detail) else []
    if raised and not unspecified:
        shown = ", ".join(f"{name} {hard[name]} -> {to}" for name, to in sorted(raised.items()))
        value = json.dumps(hard | raised, sort_keys=True)
        yield (
            f"Raise ResourceQuota {ref.name}: {shown}",
            nudged(case, SetField(ref, "/spec/hard", value), workloads),
            Risk.MEDIUM,
            BACK,
            READY,
        )
    obj = case.snapshot.get(ref)
    if unspecified:
        rest = {k: v for k, v in hard.items() if k not in unspecified}
        if rest and len(rest) < len(hard):
            yield (
                f"Let ResourceQuota {ref.name} no longer demand {', '.join(unspecified)} of every pod",
                nudged(
                    case, SetField(ref, "/spec/hard", json.dumps(rest, sort_keys=True)), workloads
                ),
                Risk.MEDIUM,
                BACK,
                READY,
            )
    if obj is not None and case.snapshot.is_known_period(created(obj)):
        yield (
            f"Delete ResourceQuota {ref.name}",
            nudged(case, DeleteObject(ref), workloads),
            Risk.MEDIUM,
            "Create it again as it was.",
            READY,
        )


def _room(limit: str, asked: str | None, used: object) -> str:
    """Return twice the greater of the limit and of what is used and asked for, in the limit's unit."""
    top, more, now = quantity(limit) or 0.0, quantity(asked) or 0.0, quantity(used) or 0.0
    wanted = 2 * max(top, now + more)
    digits = limit.rstrip("KMGTPEikmn")
    unit = quantity("1" + limit[len(digits) :]) or 1.0
    return f"{math.ceil(wanted / unit)}{limit[len(digits) :]}"
