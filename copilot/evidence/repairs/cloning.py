"""A workload that is gone, made anew in the likeness of one of its family."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, declared_ports, dig, matches, pod_spec, ref_of
from copilot.evidence.repairs.common import READY, Facts, Row
from copilot.model.action import CreateObject, Risk
from copilot.model.scope import ObjectRef

_FAMILY = 2
"""So many others must be alike before the missing one is taken for one of them."""
_OF_SERVER = ("dnsPolicy", "schedulerName", "serviceAccount", "nodeName")


def workload(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Create a missing Deployment as its nearest relative is, with its own names.

    Its Service must still be there: the copy has to bear the labels that it selects and serve the
    port that it leads to. Everything that the copy refers to must exist.
    """
    service = case.snapshot.get(ObjectRef("Service", ref.namespace, ref.name))
    if ref.kind != "Deployment" or service is None or case.snapshot.get(ref) is not None:
        return
    best: list[tuple[int, str, Json]] = []
    for obj in case.snapshot.workloads:
        other = ref_of(obj)
        known = dig(obj, "spec.selector.matchLabels")  # one that was read, not told of by its pods
        if other.kind != "Deployment" or other.namespace != ref.namespace or not known:
            continue
        weight = _kinship(case, ref.name, obj)
        body = _copy(obj, ref.name, service) if weight else None
        if body is not None and _complete(case, ref, body):
            best.append((weight, other.name, body))
    for _, name, body in sorted(best, key=lambda b: (-b[0], b[1]))[:1]:
        yield (
            f"Create Deployment {ref.name} in the likeness of {name}",
            CreateObject(ref, json.dumps(body, sort_keys=True)),
            Risk.MEDIUM,
            "Delete it again.",
            READY,
        )


def _kinship(case: Case, name: str, obj: Json) -> int:
    """Return how near a workload is: by a common part of their names, or a common image; 0 for none."""
    other = ref_of(obj)
    common = _common(name, other.name)
    image = str(dig(obj, "spec.template.spec.containers", [{}])[0].get("image", ""))
    family = [
        ref_of(w)
        for w in case.snapshot.workloads
        if ref_of(w).namespace == other.namespace
        and ref_of(w) != other
        and image in [c.get("image") for c in containers(pod_spec(w))]
    ]
    alike = [w for w in family if bool(_common(name, w.name)) == bool(common)]
    if common:
        return 100 * len(common) + len(alike) if len(alike) >= 1 else 0
    words = [
        str(w) for w in dig(obj, "spec.template.spec.containers", [{}])[0].get("command") or []
    ]
    named = bool(words) and words[0].rpartition("/")[2] == other.name
    return len(alike) if named and len(alike) >= _FAMILY else 0


def _common(one: str, other: str) -> tuple[str, ...]:
    """Return the parts that two names begin or end with both."""
    a, b = one.split("-"), other.split("-")
    head = 0
    while head < min(len(a), len(b)) - 1 and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head - (0 if head else 1) and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    return tuple(a[:head] + (a[-tail:] if tail else []))


def _copy(obj: Json, name: str, service: Json) -> Json | None:
    """Return a manifest under the new name; None where it would not fit its Service."""
    old = ref_of(obj)
    spec = {
        k: v
        for k, v in obj["spec"].items()
        if k in ("replicas", "selector", "template", "strategy")
    }
    spec["replicas"] = max(int(spec.get("replicas") or 1), 1)
    metadata = {"name": old.name, "labels": dig(obj, "metadata.labels", {}) or {}}
    found = _renamed({"metadata": metadata, "spec": spec}, old.name, name)
    template = found["spec"]["template"]
    template["metadata"] = {"labels": dig(template, "metadata.labels", {})}
    for field in _OF_SERVER:
        template["spec"].pop(field, None)
    if not matches(dig(service, "spec.selector", {}), template["metadata"]["labels"]):
        return None
    if not _fits_port(template["spec"], service):
        return None
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {k: v for k, v in found["metadata"].items() if v},
        "spec": found["spec"],
    }


def _fits_port(spec: Json, service: Json) -> bool:
    """Whether the Service's ports are served; a single declared port is set to the one it wants."""
    wanted = [p.get("targetPort", p.get("port")) for p in dig(service, "spec.ports", []) or []]
    numbers = [w for w in wanted if isinstance(w, int)]
    own = declared_ports(spec)
    if all(n in own for n in numbers) and all(
        w in own.values() for w in wanted if isinstance(w, str)
    ):
        return True
    if len(own) == 1 and len(numbers) == 1 == len(wanted):
        for container in containers(spec):
            for port in container.get("ports") or []:
                port["containerPort"] = numbers[0]
        return True
    return False


def _renamed(value: Any, old: str, new: str) -> Any:
    """Replace the old name, and the part of it that tells it from the new, in all texts."""
    pairs = [(old, new), *_forms(old.split("-"), new.split("-"))]
    common = set(_common(old, new))
    before = [p for p in old.split("-") if p not in common]
    after = [p for p in new.split("-") if p not in common]
    if common and before and after:
        pairs += _forms(before, after)
    return _replaced(value, pairs)


def _forms(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    """Return how programs write a name of several words: a-b, a_b, AB as in AaaBbb, A_B."""
    how = (("-", str), ("_", str), ("", str.capitalize), ("_", str.upper))
    return [(sep.join(map(form, old)), sep.join(map(form, new))) for sep, form in how]


def _replaced(value: Any, pairs: list[tuple[str, str]]) -> Any:
    if isinstance(value, dict):
        return {_word(k, pairs): _replaced(v, pairs) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(item, pairs) for item in value]
    return _word(value, pairs) if isinstance(value, str) else value


def _word(text: str, pairs: list[tuple[str, str]]) -> str:
    for old, new in pairs:
        found = re.sub(rf"(?<![a-z0-9]){re.escape(old)}(?![a-z0-9])", new, text)
        if found != text:
            return found
    return text


def _complete(case: Case, ref: ObjectRef, body: Json) -> bool:
    """Whether nothing that the manifest refers to is known to be missing."""
    spec = body["spec"]["template"]["spec"]
    asked = [("ConfigMap", dig(v, "configMap.name")) for v in spec.get("volumes") or []]
    asked += [("Secret", dig(v, "secret.secretName")) for v in spec.get("volumes") or []]
    asked += [
        ("PersistentVolumeClaim", dig(v, "persistentVolumeClaim.claimName"))
        for v in spec.get("volumes") or []
    ]
    for container in containers(spec):
        for item in container.get("env") or []:
            asked.append(("Secret", dig(item, "valueFrom.secretKeyRef.name")))
            asked.append(("ConfigMap", dig(item, "valueFrom.configMapKeyRef.name")))
    return all(
        case.snapshot.exists(kind, ref.namespace, str(name)) is not False
        for kind, name in asked
        if name
    )
