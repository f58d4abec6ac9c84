"""What a namespace lets pods have: quotas, limits, Pod Security, accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.kube import containers, created, dig, quantity
from copilot.evidence.repairs.common import BACK, POD, READY, Facts, Row, twice
from copilot.model.action import CreateObject, DeleteObject, Risk, SetField
from copilot.model.scope import ObjectRef


def in_the_way(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Delete a limit or policy that came into being within the period; an older one is meant."""
    obj = case.snapshot.get(ref)
    if obj is not None and case.snapshot.is_known_period(created(obj)):
        yield (
            f"Delete {ref.kind} {ref.name}",
            DeleteObject(ref),
            Risk.MEDIUM,
            "Create it again as it was.",
            "What it forbade works again.",
        )


def quota(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Delete a new quota, or double what an older one limits."""
    yield from in_the_way(case, ref, facts)
    hard = dig(case.snapshot.get(ref), "spec.hard", {}) or {}
    used = dig(case.snapshot.get(ref), "status.used", {}) or {}
    for name, limit in hard.items():
        top, now = quantity(limit), quantity(used.get(name))
        if top and now is not None and name in str(facts.get("detail", "")):
            path = f"/spec/hard/{name.replace('~', '~0').replace('/', '~1')}"
            raised = json.dumps(twice(str(limit)))
            title = f"Double {name} of ResourceQuota {ref.name}"
            yield (title, SetField(ref, path, raised), Risk.MEDIUM, BACK, "Its pods are created.")


def pod_security(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Stop enforcing Pod Security where the namespace does."""
    space = ObjectRef("Namespace", "", ref.namespace)
    label = "pod-security.kubernetes.io/enforce"
    if label in (dig(case.snapshot.get(space), "metadata.labels", {}) or {}):
        yield (
            f"Stop enforcing Pod Security in namespace {ref.namespace}",
            SetField(space, f"/metadata/labels/{label.replace('/', '~1')}"),
            Risk.HIGH,
            "Set the label again.",
            "Its pods are created.",
        )


def account(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Create the missing account."""
    name = str(facts.get("account", ""))
    if name:
        place = ObjectRef("ServiceAccount", ref.namespace, name)
        body = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": ref.namespace},
        }
        yield (
            f"Create ServiceAccount {name}",
            CreateObject(place, json.dumps(body)),
            Risk.LOW,
            "Delete it again.",
            "The pods are created.",
        )


def security(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Take back what a security rule demands of pods that cannot fulfil it."""
    yield from pod_security(case, ref, facts)
    for index, container in enumerate(containers(case.snapshot.spec(ref))):
        if dig(container, "securityContext.runAsNonRoot"):
            yield (
                f"Let {container.get('name')} of {ref.name} run as its image's user",
                SetField(ref, f"{POD}/containers/{index}/securityContext/runAsNonRoot"),
                Risk.MEDIUM,
                BACK,
                READY,
            )
