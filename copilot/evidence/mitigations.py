"""Typed actions that address a root cause, mildest first."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence

from copilot.evidence.case import Case
from copilot.evidence.clues import Fact
from copilot.evidence.manuals import instructions
from copilot.evidence.ranking import Candidate
from copilot.evidence.repairs import actions, byhand, placing, told
from copilot.evidence.repairs.completing import completed
from copilot.model.action import (
    Action,
    CreateObject,
    DeleteObject,
    Manual,
    Mitigation,
    PatchServicePort,
    RemoveNodeSelector,
    ReplaceObject,
    Restart,
    Risk,
    RollBack,
    Scale,
    SetField,
    SetImage,
    Several,
    Single,
    StoreAccount,
    parts,
)

_RISKS = {Risk.LOW: 0, Risk.MEDIUM: 1, Risk.HIGH: 2}


def propose(case: Case, candidate: Candidate) -> list[Mitigation]:
    """Return the actions that would repair a cause, mildest and most direct first."""
    facts: dict[str, Fact] = {}
    for _, claim in sorted(candidate.claims, key=lambda item: item[1].strength):
        facts.update(claim.facts)
    evidence = candidate.best[0].finding.evidence[:4]
    found = [
        _mitigation(
            candidate.cause,
            title,
            action,
            risk,
            undo,
            expected,
            evidence,
            placing.typed(case, action),
        )
        for row in actions(case, candidate, facts)
        for title, action, risk, undo, expected in (completed(case, row),)
    ]
    unique: dict[str, Mitigation] = {}
    for one in found:
        unique.setdefault(one.id, one)
    found = list(unique.values())
    because = candidate.best[1].because
    known = told(candidate, facts)
    text = byhand.instead(case, candidate.object, candidate.cause, known) or instructions(
        candidate.object, candidate.cause, facts, because
    )
    if not found:
        # Instructions for a person only where the copilot can do nothing itself.
        manual = Manual(
            candidate.object, text or f"Look into {candidate.object}: {candidate.best[1].because}"
        )
        typed = byhand.command(case, candidate.object, candidate.cause, known)
        found.append(
            _mitigation(candidate.cause, f"By hand: {_title(manual.instructions)}", manual, Risk.MEDIUM,
                        "Take the change back by hand.", "The symptom is gone.", evidence, typed)
        )  # fmt: skip
    return found


def together(firsts: Sequence[Mitigation]) -> list[Mitigation]:
    """Join the first repairs of causes that are one thing at several places.

    Several workloads broken in one way, as by one bad build, are repaired by one action of one form
    at each of them; one alone would leave the rest broken. Two that must be done at once only.
    """
    forms: dict[tuple[str, str], list[Mitigation]] = {}
    for one in firsts:
        if isinstance(one.action, Several | Manual):
            continue
        forms.setdefault((one.cause, one.action.type), []).append(one)
    found = []
    for (cause, _), group in forms.items():
        actions = {
            m.action.object: m.action for m in group if not isinstance(m.action, Several | Manual)
        }
        if len(actions) < 2:
            continue
        action = Several(group[0].action.object, tuple(actions.values()))
        title = "; ".join(m.title for m in group)
        risk = max((m.risk for m in group), key=lambda r: _RISKS[r])
        evidence = tuple(dict.fromkeys(i for m in group for i in m.evidence[:2]))
        undo = "All of it is taken back together, the last first."
        found.append(_mitigation(cause, f"All together: {title}", action, risk, undo,
                                 group[0].expected, evidence))  # fmt: skip
    return found


def at_once(firsts: Sequence[Mitigation]) -> list[Mitigation]:
    """Join the first repairs of independent causes: users are only served when all are gone.

    What a person has to do, or to think over, is left out: the rest is done all the same.
    """
    firsts = [m for m in firsts if m.automatic and m.risk is not Risk.HIGH]
    steps: dict[object, Single] = {}
    for step in (s for m in firsts for s in parts(m.action) if not isinstance(s, Manual)):
        # Two causes may ask for one field; it can be written once.
        steps.setdefault((step.object, step.path) if isinstance(step, SetField) else step, step)
    if len(firsts) < 2 or len(steps) < 2:
        return []
    action = Several(next(iter(steps.values())).object, tuple(steps.values()))
    risk = max((m.risk for m in firsts), key=lambda r: _RISKS[r])
    title = f"All together: {'; '.join(m.title for m in firsts)}"
    evidence = tuple(dict.fromkeys(i for m in firsts for i in m.evidence[:2]))
    undo = "All of it is taken back together, the last first."
    expected = " ".join(dict.fromkeys(m.expected for m in firsts))
    return [_mitigation(firsts[0].cause, title, action, risk, undo, expected, evidence)]


def _mitigation(
    cause: str,
    title: str,
    action: Action,
    risk: Risk,
    undo: str,
    expected: str,
    evidence: tuple[str, ...],
    typed: str = "",
) -> Mitigation:
    digest = hashlib.sha256(f"{cause}\x00{action!r}".encode()).hexdigest()[:10]
    return Mitigation(
        id=f"mit-{digest}",
        cause=cause,
        title=title,
        action=action,
        risk=risk,
        undo=undo,
        kubectl=typed or kubectl(action),
        expected=expected,
        evidence=evidence,
    )


def kubectl(action: Action) -> str:
    """Return the command a person would type for an action."""
    if isinstance(action, Several):
        return "\n".join(kubectl(part) for part in sorted(action.actions, key=_late))
    ref = action.object
    where = f"{ref.kind.lower()} {ref.name}" + (f" -n {ref.namespace}" if ref.namespace else "")
    if isinstance(action, PatchServicePort):
        patch = {"spec": {"ports": [{"port": action.port, "targetPort": action.target_port}]}}
        return f"kubectl patch {where} --type=strategic -p '{json.dumps(patch)}'"
    if isinstance(action, SetImage):
        return f"kubectl set image {ref.kind.lower()}/{ref.name} {action.container}={action.image} -n {ref.namespace}"
    if isinstance(action, RollBack):
        return f"kubectl rollout undo {ref.kind.lower()}/{ref.name} -n {ref.namespace} --to-revision={action.revision}"
    if isinstance(action, Scale):
        return f"kubectl scale {ref.kind.lower()}/{ref.name} -n {ref.namespace} --replicas={action.replicas}"
    if isinstance(action, Restart):
        return f"kubectl rollout restart {ref.kind.lower()}/{ref.name} -n {ref.namespace}"
    if isinstance(action, RemoveNodeSelector):
        removal = {"spec": {"template": {"spec": {"nodeSelector": {action.key: None}}}}}
        return f"kubectl patch {where} --type=merge -p '{json.dumps(removal)}'"
    if isinstance(action, SetField):
        if (ref.kind, action.path, action.value) == ("Node", "/spec/unschedulable", ""):
            return f"kubectl uncordon {ref.name}"
        if _resumes(action):
            return f"kubectl rollout resume {ref.kind.lower()}/{ref.name} -n {ref.namespace}"
        change: dict[str, object] = {"op": "remove", "path": action.path}
        if action.value:
            # Of a map "add" also puts in the place of what is there; of a list it would insert.
            operation = "replace" if action.path.rpartition("/")[2].isdigit() else "add"
            change = {"op": operation, "path": action.path, "value": json.loads(action.value)}
        quoted = shlex.quote(json.dumps([change]))
        again = f"kubectl rollout restart {action.restarts.lower()} -n {ref.namespace}"
        return f"kubectl patch {where} --type=json -p {quoted}" + (
            f"\n{again}" * bool(action.restarts)
        )
    if isinstance(action, CreateObject):
        return f"kubectl create -f - <<'EOF'\n{action.manifest}\nEOF"
    if isinstance(action, DeleteObject):
        return f"kubectl delete {where}"
    if isinstance(action, ReplaceObject):
        return f"kubectl replace --force -f - <<'EOF'\n{action.manifest}\nEOF"
    if isinstance(action, StoreAccount):
        inside = f"sh {action.script}" if action.script else f"<client of {action.engine}>"
        return f"kubectl exec {ref.kind.lower()}/{ref.name} -n {ref.namespace} -c {action.container} -- {inside}"
    return f"kubectl describe {where}"


def _resumes(action: Single | Manual) -> bool:
    return isinstance(action, SetField) and (action.path, action.value) == ("/spec/paused", "false")


def _late(action: Single | Manual) -> bool:
    """Sort key: kubectl refuses to roll a paused Deployment back, so a person resumes it first."""
    return not _resumes(action)


def order(mitigations: list[Mitigation]) -> tuple[Mitigation, ...]:
    """Order the actions of one cause: what the copilot can do and undo first, then by risk."""
    unique = {m.id: m for m in mitigations}
    return tuple(sorted(unique.values(), key=lambda m: (not m.automatic, _RISKS[m.risk])))


def _title(text: str) -> str:
    first = text.split(". ")[0].rstrip(".")
    return first[0].lower() + first[1:] if first else "look into it"
