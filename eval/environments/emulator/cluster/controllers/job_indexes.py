"""The completion indexes of Jobs in Indexed mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone

ANNOTATION = "batch.kubernetes.io/job-completion-index"
_VARIABLE: Json = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {
        "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{ANNOTATION}']"}
    },
}


def indexed(job: Json) -> bool:
    """Whether every completion of the Job has an index of its own."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def index_of(pod: Json) -> int | None:
    """Return the index for which a pod works."""
    value = str((pod["metadata"].get("annotations") or {}).get(ANNOTATION, ""))
    return int(value) if value.isdigit() else None


def missing(completions: int, taken: Iterable[int]) -> Iterator[int]:
    """Yield the indexes for which no pod has succeeded or works, lowest first."""
    known = set(taken)
    return (index for index in range(completions) if index not in known)


def ranges(indexes: Iterable[int]) -> str:
    """Return indexes as a status shows them: `0-2,4`."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(_range(first, last) for first, last in runs)


def _range(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"


def template_for(job: Json, index: int) -> Json:
    """Return the Job's pod template with the name, label and variable of an index."""
    template: Json = clone(job["spec"]["template"])
    meta = template.setdefault("metadata", {})
    for field in ("annotations", "labels"):
        meta.setdefault(field, {})[ANNOTATION] = str(index)
    spec = template["spec"]
    spec["hostname"] = f"{job['metadata']['name']}-{index}"
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        variables = container.setdefault("env", [])
        if all(item.get("name") != _VARIABLE["name"] for item in variables):
            variables.append(clone(_VARIABLE))
    return template
