"""What all repairs share: the form of a row, and where a container is in its workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Fact
from copilot.evidence.kube import containers
from copilot.model.action import Action, Risk
from copilot.model.scope import ObjectRef

Row = tuple[str, Action, Risk, str, str]
"""Title, action, risk, undo in words, what is to be seen."""
Facts = Mapping[str, Fact]
Maker = Callable[[Case, ObjectRef, Facts], Iterator[Row]]

READY = "The pods become ready."


BACK = "Put the present value back."


POD = "/spec/template/spec"


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
