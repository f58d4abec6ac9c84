"""An image that cannot be had: the names nearby that can."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.kube import containers, is_true, pod_spec
from copilot.evidence.repairs.common import READY, Facts, Row, peers, place
from copilot.model.action import Risk, SetImage
from copilot.model.scope import ObjectRef

_NEAR = 0.8


def other(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Set the image to the applied one, else to the nearest that runs in the namespace."""
    _, container = place(case, ref, str(facts.get("container", "")))
    name, now = str(container.get("name", "")), str(container.get("image", ""))
    applied = next(
        (
            str(item.get("image"))
            for item in containers(pod_spec(declared(case.snapshot.get(ref) or {}) or {}))
            if item.get("name") == name
        ),
        "",
    )
    wanted = applied if applied and applied != now else _nearest(case, ref, now)
    if wanted:
        yield (
            f"Set the image of {ref.name}/{name} to {wanted}",
            SetImage(ref, name, wanted),
            Risk.MEDIUM,
            f"Set the image back to {now}.",
            READY,
        )


def _nearest(case: Case, ref: ObjectRef, now: str) -> str:
    """Return an image that others run: of the same repository, the same name elsewhere, or spelled like it."""
    running = Counter(
        str(container.get("image"))
        for owner, container in peers(case, ref)
        if any(is_true(pod, "Ready") for pod in case.snapshot.pods(owner))
    )
    running.pop(now, None)
    found = [image for image, _ in running.most_common()]
    same = [i for i in found if _repository(i) == _repository(now)]
    if not same:
        same = [i for i in found if _short(i) == _short(now)]
    if not same:
        close = difflib.get_close_matches(_repository(now), map(_repository, found), 1, _NEAR)
        same = [i for i in found if close and _repository(i) == close[0]]
        # The tag of a neighbour says which program it is where they share a repository.
        same = [i for i in same if i.rpartition(":")[2] == now.rpartition(":")[2]] or same
    tags = {i for i in same if _repository(i) == _repository(now)}
    if len(tags) > 1:
        return ""  # several programs in one repository: no telling which tag is this one's
    return same[0] if same else ""


def _repository(image: str) -> str:
    head, _, last = image.partition("@")[0].rpartition("/")
    return f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]


def _short(image: str) -> str:
    return _repository(image).rpartition("/")[2]
