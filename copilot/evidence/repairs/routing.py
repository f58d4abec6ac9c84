"""How Services lead to pods: ports, selectors, missing Services, policies in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.kube import declared_ports, dig, template_labels
from copilot.evidence.repairs.common import BACK, Facts, Row
from copilot.evidence.topology import namesakes
from copilot.model.action import CreateObject, PatchServicePort, Risk, SetField
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
    wanted = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    if wanted and ref.kind == "Service" and case.snapshot.get(ref):
        yield (
            f"Set the selector of Service {ref.name} to {facts['selector']}",
            SetField(ref, "/spec/selector", json.dumps(wanted, sort_keys=True)),
            Risk.LOW,
            BACK,
            "The Service has endpoints again.",
        )


def service(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Create the Service anew, in front of the workload of its name."""
    behind = namesakes(case.snapshot, ref)
    workload = case.snapshot.get(behind[0]) if behind else None
    if ref.kind != "Service" or workload is None or len(behind) > 1:
        return
    asked = sorted(
        {
            setting.address.port
            for settings in case.wiring.settings.values()
            for setting in settings
            if setting.target == ref and setting.address.port
        }
    )
    own = declared_ports(case.snapshot.spec(behind[0]))
    numbers = [*own, *(p for p in asked if p not in own)] if len(own) != 1 or not asked else asked
    if not numbers:
        return
    target = next(iter(own)) if len(own) == 1 else None
    ports = [
        {"name": f"port-{n}", "port": n, "targetPort": n if n in own else target or n}
        for n in numbers
    ]
    labels = template_labels(workload)
    others = [
        template_labels(w)
        for w in case.snapshot.workloads
        if w is not workload and w["metadata"].get("namespace") == ref.namespace
    ]
    own_label = next(
        ({k: v} for k, v in sorted(labels.items()) if not any(o.get(k) == v for o in others)),
        labels,
    )
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"selector": own_label, "ports": ports},
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
    """Offer the port that the callers use again, where the Service has one only."""
    ports = dig(case.snapshot.get(ref), "spec.ports", []) or []
    port = facts.get("port")
    if len(ports) == 1 and isinstance(port, int) and ports[0].get("port") != port:
        yield (
            f"Let Service {ref.name} offer port {port} again",
            SetField(ref, "/spec/ports/0/port", str(port)),
            Risk.LOW,
            BACK,
            f"Connections to {ref.name}:{port} are answered again.",
        )
