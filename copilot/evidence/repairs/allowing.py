"""What a namespace lets pods have: quotas, limits, Pod Security, accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig
from copilot.evidence.repairs.common import BACK, POD, READY, Facts, Row, escaped, nudged
from copilot.model.action import CreateObject, Risk, SetField
from copilot.model.scope import ObjectRef


def pod_security(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Stop enforcing Pod Security where the namespace does."""
    space = ObjectRef("Namespace", "", ref.namespace)
    label = "pod-security.kubernetes.io/enforce"
    if label in (dig(case.snapshot.get(space), "metadata.labels", {}) or {}):
        yield (
            f"Stop enforcing Pod Security in namespace {ref.namespace}",
            nudged(case, SetField(space, f"/metadata/labels/{escaped(label)}"), [ref]),
            Risk.HIGH,
            "Set the label again.",
            "Its pods are created.",
        )


def account(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Create the missing account."""
    name = str(
        facts.get("account", "") or case.snapshot.spec(ref).get("serviceAccountName", "") or ""
    )
    if name and case.snapshot.exists("ServiceAccount", ref.namespace, name) is not True:
        place = ObjectRef("ServiceAccount", ref.namespace, name)
        body = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": ref.namespace},
        }
        yield (
            f"Create ServiceAccount {name}",
            nudged(case, CreateObject(place, json.dumps(body)), [ref]),
            Risk.LOW,
            "Delete it again.",
            "The pods are created.",
        )


_DEMANDS = ("runAsNonRoot", "readOnlyRootFilesystem", "runAsUser", "runAsGroup")
"""Fields of a security context that an image may not be able to live with."""


def security(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Take back what a security rule demands of pods that cannot fulfil it."""
    yield from pod_security(case, ref, _facts)
    spec = case.snapshot.spec(ref)
    for field in _DEMANDS:
        for base, holder in (
            (f"{POD}/securityContext", spec.get("securityContext") or {}),
            *(
                (f"{POD}/containers/{n}/securityContext", c.get("securityContext") or {})
                for n, c in enumerate(containers(spec))
            ),
        ):
            if holder.get(field) not in (None, False):
                yield (
                    f"No longer demand {field} of {ref.kind} {ref.name}",
                    SetField(ref, f"{base}/{field}"),
                    Risk.MEDIUM,
                    BACK,
                    READY,
                )
