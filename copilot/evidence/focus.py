"""What the question is about: services named by the scope or in the question's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.evidence.case import Case
from copilot.evidence.kube import ref_of
from copilot.model.scope import ObjectRef


def focus(case: Case, question: str) -> Sequence[ObjectRef]:
    """Return the workloads and Services that are asked about; () when the question is general."""
    wanted = {name.lower() for name in case.snapshot.scope.services}
    words = set(re.findall(r"[a-z0-9][a-z0-9-]*", question.lower()))
    nodes = [ref_of(o) for o in (*case.snapshot.workloads, *case.snapshot.of("Service"))]
    if not wanted:
        wanted = {node.name for node in nodes} & words
    return [node for node in nodes if node.name.lower() in wanted]
