"""Changes that the model proposed, as mitigations for people to judge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from copilot.evidence.mitigations import kubectl
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
    StoreAccount,
)
from copilot.model.diagnosis import Diagnosis, RootCause

MOST = 3
"""Proposals of one answer; a person has to read them."""


_INSTRUCTIONS = 600


def mitigation(action: Action, cause: RootCause, author: str) -> Mitigation:
    """Return a proposed action as a mitigation of `cause`, labelled with who proposed it."""
    digest = hashlib.sha256(f"{cause.cause}\x00{action!r}".encode()).hexdigest()[:10]
    return Mitigation(
        id=f"mit-{digest}",
        cause=cause.cause,
        title=f"{_title(action)} (proposed by {author})",
        action=action,
        risk=_risk(action),
        undo=_undo(action),
        kubectl=kubectl(action),
        expected="The symptom is gone.",
        evidence=cause.evidence[:4],
    )


def fitting(actions: Iterable[Action], diagnosis: Diagnosis, author: str) -> list[Mitigation]:
    """Return those actions that change what a verified cause names, as mitigations.

    A text that talks the model into changing something else thus gets nothing before a person.
    """
    found: dict[str, Mitigation] = {}
    known = {repr(m.action) for m in diagnosis.mitigations}
    for action in actions:
        for cause in diagnosis.root_causes:
            named = action.object in (cause.object, *cause.also)
            if named and not cause.unverified and repr(action) not in known:
                made = mitigation(action, cause, author)
                found.setdefault(made.id, made)
                break
    return list(found.values())[:MOST]


def _title(action: Action) -> str:
    ref = action.object
    match action:
        case PatchServicePort(port=port, target_port=target):
            return f"Point port {port} of {ref.kind} {ref.name} to target port {target}"
        case RollBack():
            return f"Roll {ref.kind} {ref.name} back"
        case Scale(replicas=replicas):
            return f"Scale {ref.kind} {ref.name} to {replicas}"
        case Restart():
            return f"Restart {ref.kind} {ref.name}"
        case RemoveNodeSelector(key=key):
            return f"Remove the node selector {key} from {ref.kind} {ref.name}"
        case SetField(path=path, value=value):
            return f"Set {path} of {ref.kind} {ref.name} to {value[:120] or 'nothing'}"
        case CreateObject():
            return f"Create {ref.kind} {ref.name}"
        case DeleteObject():
            return f"Delete {ref.kind} {ref.name}"
        case ReplaceObject():
            return f"Replace {ref.kind} {ref.name}"
        case StoreAccount(user=user, role=role, database=database):
            return f"Give {user} the role {role} on {database} in {ref.name}"
        case Several(actions=actions):
            return "; ".join(map(_title, actions))
        case Manual():
            # All of it: a person can only follow what is shown.
            return f"By hand: {' '.join(action.instructions.split())[:_INSTRUCTIONS]}"
        case SetImage(container=container, image=image):
            return f"Set the image of {ref.name}/{container} to {image}"


def _risk(action: Action) -> Risk:
    if isinstance(action, DeleteObject) or (isinstance(action, Scale) and action.replicas == 0):
        return Risk.HIGH
    return Risk.LOW if isinstance(action, RemoveNodeSelector) else Risk.MEDIUM


def _undo(action: Action) -> str:
    if isinstance(action, Restart):
        return "A restart cannot be taken back; the pods are equal to those before."
    if isinstance(action, Manual):
        return "Take the change back by hand."
    return "The copilot stores the values from before and puts them back."
