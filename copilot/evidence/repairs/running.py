"""How a workload runs: replicas, probes, resources, settings, init containers, flags."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.kube import containers, created, dig, ref_of
from copilot.evidence.repairs.common import BACK, POD, READY, Facts, Row, place, twice
from copilot.model.action import DeleteObject, Restart, Risk, Scale, SetField, Several
from copilot.model.scope import ObjectRef


def scale(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Scale to the number from before."""
    count = max(int(facts.get("replicas", 1) or 1), 1)
    yield (
        f"Scale {ref.kind} {ref.name} to {count}",
        Scale(ref, count),
        Risk.LOW,
        "Scale it back to the present number.",
        f"{count} pod(s) of {ref.name} become ready, and its Service has endpoints.",
    )


def resume(_case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let a CronJob run again."""
    yield (
        f"Resume CronJob {ref.name}",
        SetField(ref, "/spec/suspend", "false"),
        Risk.LOW,
        "Suspend it again.",
        "It runs at its next time.",
    )


def probe(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Point the probe to the port that is served."""
    path, container = place(case, ref, str(facts.get("container", "")))
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        probe = container.get(name) or {}
        if str(facts.get("probe", name)) != name or not isinstance(facts.get("port"), int):
            continue
        for how in ("httpGet", "tcpSocket", "grpc"):
            if how in probe and probe[how].get("port") != facts["port"]:
                yield (
                    f"Point the {name} of {ref.name} to port {facts['port']}",
                    SetField(ref, f"{path}/{name}/{how}/port", json.dumps(facts["port"])),
                    Risk.LOW,
                    BACK,
                    READY,
                )


def memory(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Raise the memory limit."""
    path, container = place(case, ref, str(facts.get("container", "")))
    limit = dig(container, "resources.limits.memory")
    if not limit:
        yield from _default_limit(case, ref)
    if limit:
        raised = twice(twice(str(limit)))
        yield (
            f"Raise the memory limit of {ref.name} from {limit} to {raised}",
            SetField(ref, f"{path}/resources/limits/memory", json.dumps(raised)),
            Risk.MEDIUM,
            BACK,
            "It is not killed any more.",
        )


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


def stale(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Restart what read its password from a Secret when it started."""
    found = containers(case.snapshot.spec(ref))
    read = [dig(e, "valueFrom.secretKeyRef.name") for c in found for e in c.get("env") or []]
    read += [dig(e, "secretRef.name") for c in found for e in c.get("envFrom") or []]
    names = sorted({str(name) for name in read if name})
    if names:
        yield (
            f"Restart {ref.kind} {ref.name}, to read Secret {names[0]} again",
            Restart(ref),
            Risk.MEDIUM,
            "A restart cannot be taken back; the pods are equal to those before.",
            "It logs in with the present password.",
        )


def cpu(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove the CPU limit."""
    path, container = place(case, ref, str(facts.get("container", "")))
    if dig(container, "resources.limits.cpu"):
        yield (
            f"Remove the CPU limit of {ref.name}",
            SetField(ref, f"{path}/resources/limits/cpu"),
            Risk.MEDIUM,
            BACK,
            "It is as fast as before.",
        )


def autoscaler(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let the autoscaler go higher."""
    most = dig(case.snapshot.get(ref), "spec.maxReplicas")
    if isinstance(most, int):
        yield (
            f"Let autoscaler {ref.name} go up to {2 * most} replicas",
            SetField(ref, "/spec/maxReplicas", str(2 * most)),
            Risk.MEDIUM,
            BACK,
            "More replicas take the load.",
        )


def env(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Set a variable to the one port that the Service it names really has."""
    name = str(facts.get("setting", "")).removeprefix("env ")
    path, container = place(case, ref, str(facts.get("container", "")))
    right, value = facts.get("right"), str(facts.get("value", ""))
    for index, item in enumerate(container.get("env") or []):
        if item.get("name") == name and item.get("value") == value and right:
            yield (
                f"Set {name} of {ref.name} to {right}",
                SetField(ref, f"{path}/env/{index}/value", json.dumps(str(right))),
                Risk.LOW,
                BACK,
                "It reaches what it calls.",
            )


def env_port(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Correct a variable that names a port which the Service that it names has not, where it has one only."""
    for setting in case.wiring.settings.get(ref, ()):
        service = case.snapshot.get(setting.target) if setting.target else None
        ports = [p.get("port") for p in dig(service, "spec.ports", []) or []]
        wrong = setting.address.port
        if len(ports) != 1 or not wrong or wrong in ports or not setting.field.startswith("env "):
            continue
        right = setting.value.replace(f":{wrong}", f":{ports[0]}")
        if right != setting.value:
            own = {"setting": setting.field, "value": setting.value, "right": right}
            yield from env(case, ref, {**own, "container": setting.container})


def flag(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Switch the flag off."""
    if ref.kind == "ConfigMap" and "file" in facts and "text" in facts:
        key = str(facts["file"]).replace("~", "~0").replace("/", "~1")
        yield (
            f"Switch feature flag {facts.get('flag')} off in ConfigMap {ref.name}",
            SetField(
                ref, f"/data/{key}", json.dumps(str(facts["text"])), str(facts.get("restarts", ""))
            ),
            Risk.LOW,
            "Switch it on again.",
            "The requests that took the faulty path succeed.",
        )


def init(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Drop an init container that waits for a name that does not exist."""
    found = case.snapshot.spec(ref).get("initContainers") or []
    for index, item in enumerate(found):
        if item.get("name") == facts.get("container"):
            path = f"{POD}/initContainers" + (f"/{index}" if len(found) > 1 else "")
            yield (
                f"Remove init container {item.get('name')} from {ref.kind} {ref.name}",
                SetField(ref, path),
                Risk.HIGH,
                BACK,
                "The pods start.",
            )
