"""Which program runs from which image: what the neighbours of a workload tell about its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.kube import containers, created, dig, pod_spec, ref_of
from copilot.evidence.repairs.common import BACK, READY, Facts, Row, place
from copilot.model.action import Risk, SetField, SetImage
from copilot.model.scope import ObjectRef

_FAMILY = 2
"""So many other workloads have to keep a convention before it is taken for one."""


def command(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Set the command to the applied one, else to the program that bears the workload's name."""
    path, container = place(case, ref, str(facts.get("container", "")))
    now = container.get("command") or []
    applied = _applied(case, ref, container).get("command")
    wanted = applied if applied and applied != now else _by_name(case, ref, container)
    if wanted and wanted != now:
        shown = " ".join(map(str, wanted))
        yield (
            f'Let {ref.kind} {ref.name} run "{shown}"',
            SetField(ref, f"{path}/command", json.dumps(wanted)),
            Risk.LOW if applied else Risk.MEDIUM,
            BACK,
            READY,
        )


def _applied(case: Case, ref: ObjectRef, container: Json) -> Json:
    manifest = declared(case.snapshot.get(ref) or {}) or {}
    for item in containers(pod_spec(manifest)):
        if item.get("name") == container.get("name"):
            return item
    return {}


def _by_name(case: Case, ref: ObjectRef, container: Json) -> list[str]:
    """Return the command with the workload's own name as the program, where its neighbours have theirs."""
    words = [str(word) for word in container.get("command") or []]
    if not words:
        return []
    folder, _, program = words[0].rpartition("/")
    family = _family(case, ref, str(container.get("image", "")))
    if program == ref.name or len(family) < _FAMILY:
        return []
    shape, count = Counter(_shape(case, other) for other in family).most_common(1)[0]
    if count == len(family):
        return [shape[0] + ref.name, *shape[1:]]
    return [f"{folder}/{ref.name}" if folder else ref.name, *words[1:]]


def _shape(case: Case, ref: ObjectRef) -> tuple[str, ...]:
    """Return a workload's command without the program's own name: its folder, then the arguments."""
    for item in containers(case.snapshot.spec(ref)):
        words = [str(word) for word in item.get("command") or [""]]
        if words[0].rpartition("/")[2] == ref.name:
            return (words[0].removesuffix(ref.name), *words[1:])
    return ("",)


def _family(case: Case, ref: ObjectRef, image: str) -> list[ObjectRef]:
    """Return the other workloads whose program of this image is named as they are."""
    found = []
    for obj in case.snapshot.workloads:
        other = ref_of(obj)
        if other == ref or other.namespace != ref.namespace or other.kind in ("Job", "CronJob"):
            continue
        for item in containers(pod_spec(obj)):
            words = [str(word) for word in item.get("command") or [""]]
            if item.get("image") == image and words[0].rpartition("/")[2] == other.name:
                found.append(other)
    return found


def image(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Set the image to the one from which all its neighbours run their programs.

    For a workload that was made anew lately with an image of its own, so that no earlier revision is
    known, and whose program is one of a family of programs in one image.
    """
    _, container = place(case, ref, str(facts.get("container", "")))
    words = [str(word) for word in container.get("command") or [""]]
    lately = case.snapshot.is_known_period(created(case.snapshot.get(ref) or {}))
    if not lately or words[0].rpartition("/")[2] != ref.name or case.rollout(ref) is not None:
        return
    shared = Counter(
        str(item.get("image"))
        for obj in case.snapshot.workloads
        if ref_of(obj) != ref and dig(obj, "metadata.namespace") == ref.namespace
        for item in containers(pod_spec(obj))
    )
    for name, _ in shared.most_common():
        if name != container.get("image") and len(_family(case, ref, name)) > _FAMILY:
            yield (
                f"Set the image of {ref.name} to {name}, as its neighbours have it",
                SetImage(ref, str(container.get("name", "")), name),
                Risk.MEDIUM,
                f"Set the image back to {container.get('image')}.",
                READY,
            )
            return
