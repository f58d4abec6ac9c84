"""Reads writes, which are never carried out, as typed actions that a person may approve."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from copilot.model.action import (
    Action,
    Manual,
    PatchServicePort,
    RemoveNodeSelector,
    Restart,
    RollBack,
    Scale,
    SetImage,
)
from copilot.model.scope import ObjectRef
from copilot.tools.context import Context
from copilot.tools.names import CLUSTER_WIDE, canonical_kind
from copilot.tools.shell.kubectl import Write
from copilot.tools.shell.words import Refused

_VALUED = (
    *("replicas", "to-revision", "patch", "type", "namespace", "current-replicas", "filename"),
    *("selector", "grace-period", "timeout", "output", "field-manager", "context", "image"),
)
_SHORT = {"n": "namespace", "p": "patch", "f": "filename", "l": "selector", "o": "output"}
_MORE_WORDS = ("set", "rollout", "certificate", "auth", "create")


def proposed(context: Context, write: Write) -> list[Action]:
    """Return the actions that a write asks for; what maps to none is for a person to do.

    Raises `Refused` when it names no object, `CorrectYourCall` outside of the scope.
    """
    flags, words = _split(write)
    verb = write.verb
    if verb.split()[0] in _MORE_WORDS and " " not in verb and words:
        verb, words = f"{verb} {words[0]}", words[1:]
    if flags.get("filename") or verb in ("apply", "replace", "create"):
        raise Refused(
            f"kubectl {verb}: it writes from a file or a text",
            "propose_mitigation, with the one change that is needed",
        )
    references = _objects(context, verb, words, flags.get("namespace", ""))
    found: list[Action] = []
    for reference in references:
        found += _actions(verb, reference, words, flags, write)
    return found


def _split(write: Write) -> tuple[dict[str, str], list[str]]:
    flags: dict[str, str] = {}
    words: list[str] = []
    queue = list(write.words)
    while queue:
        word = queue.pop(0)
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals:
                value = queue.pop(0) if name in _VALUED and queue else "true"
            flags[name] = value
        elif word.startswith("-") and len(word) > 1:
            name = _SHORT.get(word[1], word[1])
            value = word[2:].removeprefix("=")
            if not value and name in _VALUED and queue:
                value = queue.pop(0)
            flags[name] = value or "true"
        else:
            words.append(word)
    return flags, words


def _objects(context: Context, verb: str, words: list[str], namespace: str) -> list[ObjectRef]:
    """Return what the words name: "deploy/a", "deploy a b"; a node for the verbs about nodes."""
    if verb in ("cordon", "uncordon", "drain"):
        return [ObjectRef("Node", "", word.rpartition("/")[2]) for word in words] or _nothing(verb)
    plain = [word for word in words if "=" not in word and not word.endswith("-")]
    pairs = [word.partition("/") for word in plain if "/" in word]
    names = [(kind, name) for kind, _, name in pairs]
    if not names and len(plain) >= 2:
        names = [(plain[0], name) for name in plain[1:]]
    if not names:
        return _nothing(verb)
    found = []
    for kind, name in names:
        kind = canonical_kind(kind)
        if not re.fullmatch(r"[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?", name, re.ASCII):
            raise Refused(f'"{name}" as the name of an object')
        space = "" if kind in CLUSTER_WIDE else context.namespace(namespace)
        found.append(ObjectRef(kind, space, name))
    return found


def _nothing(verb: str) -> list[ObjectRef]:
    raise Refused(f"kubectl {verb} without the name of an object", "name it, or propose_mitigation")


def _actions(
    verb: str, reference: ObjectRef, words: list[str], flags: Mapping[str, str], write: Write
) -> list[Action]:
    if verb == "scale" and flags.get("replicas", "").isdecimal():
        return [Scale(reference, int(flags["replicas"]))]
    if verb == "rollout restart":
        return [Restart(reference)]
    if verb == "rollout undo":
        revision = flags.get("to-revision", "0")
        return [RollBack(reference, int(revision) if revision.isdecimal() else 0)]
    if verb == "set image":
        pairs = [word.partition("=") for word in words if "=" in word]
        if pairs and all(name != "*" and image for name, _, image in pairs):
            return [SetImage(reference, name, image) for name, _, image in pairs]
    if verb == "patch":
        action = _patched(reference, flags.get("patch", ""))
        if action is not None:
            return [action]
    text = " ".join(["kubectl", write.verb, *write.words])
    return [Manual(reference, f"Review and run by hand: {text}")]


def _patched(reference: ObjectRef, patch: str) -> Action | None:
    """Return the one typed action that a patch amounts to, None when it does more or else."""
    try:
        data: Any = json.loads(patch)
    except ValueError:
        return None
    spec = data.get("spec") if isinstance(data, dict) and set(data) == {"spec"} else None
    if not isinstance(spec, dict) or len(spec) != 1:
        return None
    if isinstance(spec.get("replicas"), int):
        return Scale(reference, spec["replicas"])
    ports = spec.get("ports")
    if reference.kind == "Service" and isinstance(ports, list) and len(ports) == 1:
        port = ports[0] if isinstance(ports[0], dict) else {}
        number, target = port.get("port"), port.get("targetPort")
        if isinstance(number, int) and isinstance(target, int | str):
            return PatchServicePort(reference, number, target)
    template = spec.get("template")
    selector = template.get("spec", {}).get("nodeSelector") if isinstance(template, dict) else None
    if isinstance(selector, dict) and list(selector.values()) == [None]:
        return RemoveNodeSelector(reference, next(iter(selector)))
    return None
