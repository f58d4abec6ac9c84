"""Services that select nothing any more, while their endpoints name pods of old."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, dig, ref_of, template_labels
from copilot.evidence.topology import namesakes
from copilot.model.scope import ObjectRef


def analyze(case: Case, service: Json) -> Iterator[Clue]:
    """Report a Service without a selector whose endpoints lead to pods that are gone.

    Endpoints that people write lead to addresses outside the cluster; those that name pods were
    written for a selector, and nobody keeps them when it is taken away.
    """
    ref = ref_of(service)
    endpoints = case.snapshot.get(ObjectRef("Endpoints", ref.namespace, ref.name))
    if endpoints is None or not case.snapshot.knows("Pod"):
        return
    named = [
        ObjectRef("Pod", ref.namespace, str(dig(address, "targetRef.name", "")))
        for subset in endpoints.get("subsets") or []
        for address in subset.get("addresses") or []
        if dig(address, "targetRef.kind") == "Pod"
    ]
    gone = [pod for pod in named if case.snapshot.get(pod) is None]
    if not gone or len(gone) < len(named):
        return
    facts: dict[str, Fact] = {}
    quoted = [case.ledger.value(service, "spec"), case.ledger.value(endpoints, "subsets")]
    near = namesakes(case.snapshot, ref)
    workload = case.snapshot.get(near[0]) if near else None
    if workload is not None:
        wanted = dig(workload, "spec.selector.matchLabels") or template_labels(workload)
        facts["selector"] = ",".join(f"{k}={v}" for k, v in sorted(wanted.items()))
        quoted.append(case.ledger.value(workload, "spec.template.metadata.labels"))
    changed = case.changed_at(ref)
    why = f"it has no selector, and its endpoints name only pods that are gone ({gone[0].name})"
    yield case.clue(
        "service.selects_nothing",
        ref,
        f"Service {ref.name}: {why}" + (f"; changed at {brief(changed)}" if changed else ""),
        quoted,
        weight=1.0 if near or case.topology.callers(ref) else 0.3,
        onset=changed,
        claims=[Claim(ref, "service.selector_mismatch", 0.95, why, facts=facts)],
        place=ref,
        local=True,
    )
