"""Keeping strangers out of a Service: by a label that only its own pods have, else by the label they should not have."""

from __future__ import annotations

import json
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import dig, labels_of, ref_of, template_labels
from copilot.evidence.repairs.common import BACK, WORKLOADS, Facts, Row, concerned, escaped
from copilot.evidence.topology import namesakes
from copilot.model.action import Risk, SetField
from copilot.model.scope import ObjectRef

_LASTING = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/instance",
            "k8s-app", "app", "name", "component", "role", "tier")  # fmt: skip
"""Labels that stay from release to release, the most telling first."""
_PASSING = ("hash", "version", "chart", "release", "revision", "track", "build", "commit")
"""Words of labels that a next release changes."""


def narrowed(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Let a Service select by one label more, or take the label off the strangers' pods by which they came in."""
    service = case.snapshot.get(ref)
    strangers = [w for w in concerned(case, ref, facts) if w not in namesakes(case.snapshot, ref)]
    behind = [w for w in case.snapshot.backing(ref) if w not in strangers]
    selector = dict(dig(service or {}, "spec.selector", {}) or {})
    if service is None or ref.kind != "Service" or not strangers or not behind or not selector:
        return
    key, value = _own_label(case, behind, strangers, selector)
    names = ", ".join(w.name for w in strangers)
    if key:
        yield (
            f"Let Service {ref.name} select by {key}={value} too, which {names} does not have",
            SetField(ref, "/spec/selector", json.dumps({**selector, key: value}, sort_keys=True)),
            Risk.LOW,
            BACK,
            f"Service {ref.name} leads to {', '.join(w.name for w in behind)} only.",
        )
    for stranger in strangers:
        label = _unneeded(case, stranger, ref, selector)
        if label:
            yield (
                f"Take label {label} off the pods of {stranger.kind} {stranger.name}",
                SetField(stranger, f"/spec/template/metadata/labels/{escaped(label)}"),
                Risk.MEDIUM,
                BACK,
                f"Service {ref.name} leads to {', '.join(w.name for w in behind)} only.",
            )


def _own_label(
    case: Case, own: list[ObjectRef], strangers: list[ObjectRef], selector: Json
) -> tuple[str, str]:
    """Return a label that all pods of a Service's own workloads have, and no stranger's; ("", "") without one."""
    mine = [_labels(case, w) for w in own]
    # Pods that run may be older than their template: all of them must have it.
    mine += [labels_of(pod) for w in own for pod in case.snapshot.pods(w)]
    theirs = [_labels(case, w) for w in strangers]
    found = [
        (key, value)
        for key, value in mine[0].items()
        if key not in selector
        and not any(word in key for word in _PASSING)
        and all(labels.get(key) == value for labels in mine)
        and not any(labels.get(key) == value for labels in theirs)
    ]
    rank = {key: number for number, key in enumerate(_LASTING)}
    return min(found, key=lambda item: (rank.get(item[0], len(rank)), item[0]), default=("", ""))


def _unneeded(case: Case, stranger: ObjectRef, ref: ObjectRef, selector: Json) -> str:
    """Return a label of the selector that a stranger's pods can do without; "" without one.

    A workload's own selector cannot be changed, and another Service may need the label.
    """
    if stranger.kind not in WORKLOADS:
        return ""
    labels = _labels(case, stranger)
    needed = set(dig(case.snapshot.get(stranger), "spec.selector.matchLabels", {}) or {})
    for service in case.snapshot.of("Service"):
        wanted = dig(service, "spec.selector", {}) or {}
        if ref_of(service) != ref and wanted and wanted.items() <= labels.items():
            needed |= set(wanted)
    return next((key for key in sorted(selector) if key in labels and key not in needed), "")


def _labels(case: Case, workload: ObjectRef) -> dict[str, str]:
    return dict(template_labels(case.snapshot.get(workload) or {}))
