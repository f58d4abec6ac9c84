"""What all repairs share: the form of a row, and where a container is in its workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Fact
from copilot.evidence.kube import containers, is_true, pod_spec, ref_of
from copilot.model.action import Action, Restart, Risk, Several, Single
from copilot.model.scope import ObjectRef

Row = tuple[str, Action, Risk, str, str]
"""Title, action, risk, undo in words, what is to be seen."""
Facts = Mapping[str, Fact]
Maker = Callable[[Case, ObjectRef, Facts], Iterator[Row]]

READY = "The pods become ready."


BACK = "Put the present value back."


POD = "/spec/template/spec"

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


def twice(text: str) -> str:
    """Double a quantity, keeping its unit."""
    digits = text.rstrip("KMGTPEikmn")
    try:
        return f"{2 * float(digits):g}{text[len(digits) :]}"
    except ValueError:
        return text


def place(case: Case, ref: ObjectRef, name: str) -> tuple[str, Json]:
    """Return where a container is in its workload, by default the first, and the container."""
    found = containers(case.snapshot.spec(ref))
    for index, container in enumerate(found):
        if container.get("name") == name:
            return f"{POD}/containers/{index}", container
    return f"{POD}/containers/0", (found[0] if found else {})


def escaped(key: str) -> str:
    """Return a key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def peers(case: Case, ref: ObjectRef) -> list[tuple[ObjectRef, Json]]:
    """Return the containers of the other workloads in the namespace, with their workloads."""
    return [
        (ref_of(obj), container)
        for obj in case.snapshot.workloads
        if ref_of(obj) != ref and ref_of(obj).namespace == ref.namespace
        for container in containers(pod_spec(obj))
    ]


def concerned(case: Case, ref: ObjectRef, facts: Facts) -> list[ObjectRef]:
    """Return the workloads that a cause is about: the object itself, or those named along with it."""
    names = [part for part in str(facts.get("also", "")).split(",") if part]
    found = [ref] if ref.kind in WORKLOADS else []
    for name in names:
        kind, _, short = name.partition("/")
        other = ObjectRef(kind, facts_namespace(ref, facts), short)
        if kind in WORKLOADS and case.snapshot.get(other) is not None and other not in found:
            found.append(other)
    return found


def facts_namespace(ref: ObjectRef, facts: Facts) -> str:
    """Return the namespace that a cause is in, also where its object is the cluster's."""
    return ref.namespace or str(facts.get("namespace", ""))


def nudged(case: Case, action: Single, workloads: list[ObjectRef]) -> Action:
    """Let workloads without a ready pod try at once: refused creations are tried again ever later."""
    idle = [
        w
        for w in workloads
        if w.kind in WORKLOADS and not any(is_true(pod, "Ready") for pod in case.snapshot.pods(w))
    ]
    if not idle:
        return action
    return Several(action.object, (action, *(Restart(w) for w in idle[:5])))


def joined(ref: ObjectRef, steps: Sequence[Single]) -> Action:
    """Return steps that make sense together only as one action, a single one as itself."""
    return steps[0] if len(steps) == 1 else Several(ref, tuple(steps))
