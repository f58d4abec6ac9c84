"""How Services lead to pods: ports, selectors, missing Services, policies in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.analyzers.offered import asked
from copilot.evidence.case import Case
from copilot.evidence.kube import declared_ports, dig, ref_of, template_labels
from copilot.evidence.repairs.common import BACK, Facts, Row, joined
from copilot.evidence.topology import namesakes
from copilot.model.action import CreateObject, PatchServicePort, Risk, SetField, Single
from copilot.model.scope import ObjectRef


def target_port(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Point the Service to the port that its pods listen on."""
    if "target_port" in facts and "port" in facts:
        port, target = int(facts["port"]), facts["target_port"]
        ports = dig(case.snapshot.get(ref), "spec.ports", []) or []
        before = next(
            (p.get("targetPort", port) for p in ports if p.get("port") == port), "the present one"
        )
        yield (
            f"Point port {port} of Service {ref.name} to target port {target}",
            PatchServicePort(ref, port, target),
            Risk.LOW,
            f"Set the target port back to {before}.",
            f"Connections to {ref.name}:{port} are answered again.",
        )


def selector(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Set the selector to the labels of the pods."""
    pairs = [part.split("=", 1) for part in str(facts.get("selector", "")).split(",")]
    wanted = {pair[0]: pair[1] for pair in pairs if len(pair) == 2} or _of_namesake(case, ref)
    if wanted and ref.kind == "Service" and case.snapshot.get(ref):
        shown = ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        yield (
            f"Set the selector of Service {ref.name} to {shown}",
            SetField(ref, "/spec/selector", json.dumps(wanted, sort_keys=True)),
            Risk.LOW,
            BACK,
            "The Service has endpoints again.",
        )


def _of_namesake(case: Case, ref: ObjectRef) -> dict[str, str]:
    """Return the labels, of those that the Service selects by, of the one workload that bears its name."""
    selector = dig(case.snapshot.get(ref), "spec.selector", {}) or {}
    behind = [w for w in namesakes(case.snapshot, ref) if w not in case.snapshot.backing(ref)]
    workload = case.snapshot.get(behind[0]) if len(behind) == 1 else None
    labels = template_labels(workload) if workload else {}
    found = {key: labels[key] for key in selector if key in labels}
    return found if len(found) == len(selector) and found != selector else {}


def service(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Create the Service anew, in front of the workload of its name."""
    behind = namesakes(case.snapshot, ref)
    workload = case.snapshot.get(behind[0]) if behind else None
    if ref.kind != "Service" or workload is None or len(behind) > 1:
        return
    called = asked(case, ref)
    own = declared_ports(case.snapshot.spec(behind[0]))
    numbers = (
        [*own, *(p for p in called if p not in own)] if len(own) != 1 or not called else called
    )
    if not numbers:
        return
    target = next(iter(own)) if len(own) == 1 else None
    ports = [
        {"name": f"port-{n}", "port": n, "targetPort": n if n in own else target or n}
        for n in numbers
    ]
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"selector": _own_labels(case, behind[0]), "ports": ports},
    }
    yield (
        f"Create Service {ref.name} in front of {behind[0].kind} {behind[0].name}",
        CreateObject(ref, json.dumps(body, sort_keys=True)),
        Risk.LOW,
        "Delete it again.",
        "Its callers reach it.",
    )


def traffic_policy(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let the Service use backends on all nodes."""
    for field in ("internalTrafficPolicy", "externalTrafficPolicy"):
        if dig(case.snapshot.get(ref), f"spec.{field}") == "Local":
            yield (
                f"Let Service {ref.name} use the backends of all nodes",
                SetField(ref, f"/spec/{field}", '"Cluster"'),
                Risk.LOW,
                "Set it back to Local.",
                "Callers on every node reach a backend.",
            )


def offered_port(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Offer the port that the callers use again, in place of the one that leads where it led."""
    ports = dig(case.snapshot.get(ref), "spec.ports", []) or []
    called = asked(case, ref)
    lost = [p for p in called if all(offered.get("port") != p for offered in ports)]
    port = facts.get("port") or (lost[0] if len(lost) == 1 else None)
    if not isinstance(port, int) or any(p.get("port") == port for p in ports):
        return
    led = [i for i, p in enumerate(ports) if p.get("targetPort") == port]
    idle = [i for i, p in enumerate(ports) if p.get("port") not in called]
    found = next((some[0] for some in (led, [*range(len(ports))], idle) if len(some) == 1), None)
    if found is not None:
        yield (
            f"Let Service {ref.name} offer port {port} again",
            SetField(ref, f"/spec/ports/{found}/port", str(port)),
            Risk.LOW,
            BACK,
            f"Connections to {ref.name}:{port} are answered again.",
        )


def unreached(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Lead a Service that leads out of the cluster, or to nothing of its own, to the workload of its name."""
    obj = case.snapshot.get(ref)
    behind = namesakes(case.snapshot, ref)
    if ref.kind != "Service" or obj is None or len(behind) != 1:
        return
    outward = dig(obj, "spec.type") == "ExternalName"
    wanted = {} if dig(obj, "spec.selector") else _own_labels(case, behind[0])
    if not outward and (not wanted or not _stale(case, ref)):
        if dig(obj, "spec.selector") and not case.snapshot.selected(obj):
            yield from selector(case, ref, facts)
        return
    steps: list[Single] = []
    if wanted:
        steps.append(SetField(ref, "/spec/selector", json.dumps(wanted, sort_keys=True)))
    if outward:
        # A Service of this type is a name only, and what it selects does not count until it is none.
        steps.append(SetField(ref, "/spec/type", '"ClusterIP"'))
    yield (
        f"Let Service {ref.name} select the pods of {behind[0].kind} {behind[0].name}",
        joined(ref, steps),
        Risk.LOW,
        BACK,
        f"Callers of {ref.name} reach it.",
    )


def _stale(case: Case, ref: ObjectRef) -> bool:
    """Whether a Service without a selector leads to pods that are gone, or nowhere: nobody keeps it."""
    if not case.snapshot.knows("Endpoints"):
        return False
    kept = case.snapshot.get(ObjectRef("Endpoints", ref.namespace, ref.name)) or {}
    targets = [
        address.get("targetRef") or {}
        for subset in kept.get("subsets") or []
        for address in subset.get("addresses") or []
    ]
    pods = set(case.snapshot.names("Pod", ref.namespace))
    return all(t.get("kind") == "Pod" and t.get("name") not in pods for t in targets)


def _own_labels(case: Case, workload: ObjectRef) -> dict[str, str]:
    """Return a label of a workload's pods that no others have, else all of them."""
    labels = template_labels(case.snapshot.get(workload) or {})
    others = [
        template_labels(w)
        for w in case.snapshot.workloads
        if ref_of(w) != workload and ref_of(w).namespace == workload.namespace
    ]
    return next(
        ({k: v} for k, v in sorted(labels.items()) if not any(o.get(k) == v for o in others)),
        labels,
    )
