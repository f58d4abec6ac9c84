"""Services whose ports were changed under their callers."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.analyzers.services import missed
from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, dig, ref_of
from copilot.model.scope import ObjectRef


def analyze(case: Case) -> Iterator[Clue]:
    """Report Services that do not offer what was applied, or what their callers are set to use."""
    for service in case.snapshot.of("Service"):
        ref = ref_of(service)
        numbers = [p.get("port") for p in dig(service, "spec.ports", []) or []]
        if not numbers or dig(service, "spec.clusterIP") == "None":
            continue
        moved = case.changed_at(ref)
        before = [p.get("port") for p in dig(declared(service) or {}, "spec.ports", []) or []]
        lost = [p for p in before if p not in numbers] or (
            [p for p in asked(case, ref) if p not in numbers] if moved else []
        )
        if lost:
            yield _clue(case, ref, service, lost, bool(before))


def asked(case: Case, service: ObjectRef) -> list[int]:
    """Return the ports at which programs are set to call a Service."""
    return sorted(
        {
            setting.address.port
            for settings in case.wiring.settings.values()
            for setting in settings
            if setting.target == service and setting.address.port
        }
    )


def _clue(case: Case, ref: ObjectRef, service: Json, lost: list[int], drifted: bool) -> Clue:
    moved = case.changed_at(ref)
    numbers = [p.get("port") for p in dig(service, "spec.ports", []) or []]
    why = f"its callers use port {lost[0]}, and it offers {', '.join(map(str, numbers))}"
    if moved:
        why += f"; it was changed at {brief(moved)}"
    facts: dict[str, Fact] = {"port": int(lost[0])} if len(numbers) == 1 else {}
    hurt = missed(case, ref)
    return case.clue(
        "service.port_not_offered",
        ref,
        f"Service {ref.name}: {why}",
        [case.ledger.value(service, "spec.ports")],
        weight=0.9 if hurt or moved else 0.3,
        onset=moved,
        claims=[
            Claim(ref, "service.port_mismatch", 0.95 if moved or drifted else 0.6, why, facts=facts)
        ],
        place=ref,
        local=True,
    )
