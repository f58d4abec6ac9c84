"""What is not as an earlier look at the cluster found it: objects that were changed, or are gone.

The API server keeps one version of most objects and none of a deleted one; the copilot's own earlier
looks are what tells what a ConfigMap or a Service said before, and that a workload was there at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from copilot.evidence.analyzers.written import uses
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import dig, ref_of, template_labels
from copilot.model.evidence import Source
from copilot.model.history import Seen
from copilot.model.scope import ObjectRef
from copilot.tools.past import since

_SHOWN = 3
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


def changed(case: Case) -> Iterator[Clue]:
    """Say how objects differ from the last time that all was well; a Deployment's own history tells of it."""
    for before in case.past.changed():
        ref, lines = before.object, case.past.differences(before)
        if not lines or ref.kind == "Deployment":
            continue
        why = f"it is not as it was {since(before, case.now)}: {'; '.join(lines[:_SHOWN])}"
        users = [
            ref_of(w)
            for w in case.snapshot.workloads
            if ref.kind == "ConfigMap" and uses(case, ref_of(w), ref)
        ]
        for place in users or [ref]:
            told = f"{why}, and {place.name} uses it" if users else why
            claims = [Claim(ref, "config.value_wrong", 0.35, told, also=(place,))] if users else []
            yield case.clue(
                "object.changed_since",
                ref,
                f"{ref.kind} {ref.name}: {told}",
                [_quote(case, before, lines)],
                weight=0.0,
                onset=case.changed_at(ref) or before.last,
                claims=claims,
                place=place,
            )


def gone(case: Case) -> Iterator[Clue]:
    """Say what was there when somebody last looked, and no longer is."""
    for before in case.past.gone():
        ref = before.object
        why = f"it was there {since(before, case.now)}, and is gone"
        also = tuple(_services(case, before)) if ref.kind in _WORKLOADS else ()
        claims = []
        if ref.kind in _WORKLOADS:
            claims = [Claim(ref, "workload.missing", 0.9, why, also=also)]
        elif ref.kind == "Service":
            claims = [Claim(ref, "service.missing", 0.9, why)]
        yield case.clue(
            "object.gone",
            ref,
            f"{ref.kind} {ref.name}: {why}",
            [_quote(case, before, [f"{ref.kind} {ref.name}: there -> gone"])],
            weight=0.0,
            onset=before.last,
            claims=claims,
            place=next(iter(also), ref),
        )


def _services(case: Case, before: Seen) -> Iterator[ObjectRef]:
    """Yield the Services that led to a workload that is gone."""
    labels = template_labels(dict(before.manifest))
    for service in case.snapshot.of("Service"):
        selector = dig(service, "spec.selector", {}) or {}
        same = service["metadata"].get("namespace") == before.object.namespace
        if selector and same and all(labels.get(k) == v for k, v in selector.items()):
            yield ref_of(service)


def _quote(case: Case, before: Seen, lines: list[str]) -> str:
    ref = before.object
    return case.ledger.add(
        Source.CHANGES,
        f"incident-copilot remembered {ref.kind}/{ref.name} -n {ref.namespace}",
        f"{ref} as it was {since(before, case.now)}, against now\n" + "\n".join(lines),
        excerpt="\n".join(lines)[:400],
        objects=(ref,),
    )
