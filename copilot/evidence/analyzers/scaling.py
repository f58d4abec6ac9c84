"""Autoscalers that cannot act, are at their limit, or are set against somebody else who scales."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, condition, dig, parse_time, ref_of
from copilot.evidence.snapshot import event_count, event_first, event_time
from copilot.model.scope import ObjectRef


def autoscalers(case: Case) -> Iterator[Clue]:
    """Report autoscalers that cannot act because of their own set-up, or are at their limit."""
    for scaler in case.snapshot.of("HorizontalPodAutoscaler"):
        ref = ref_of(scaler)
        active = _condition(scaler, "ScalingActive")
        if active and active.get("status") == "False":
            message = str(active.get("message", ""))
            since = parse_time(active.get("lastTransitionTime"))
            own = "missing request" in message or "invalid" in str(active.get("reason", "")).lower()
            unserved = _UNSERVED.search(message) is not None
            # A metrics server that answers has no values of young pods yet.
            lasts = since is not None and case.now - since >= _YOUNG
            own = own or unserved or (lasts and _NO_VALUES.search(message) is not None)
            fresh = (
                case.changed_at(ref) is not None
                or case.snapshot.is_recent(since)
                or case.snapshot.is_recent_object(scaler)
            )
            why = f"autoscaler {ref.name} cannot read its metric: {message[:200]}"
            if unserved:
                why += "; no metrics server answers for it"
            yield case.clue(
                "autoscaling.inactive",
                ref,
                why,
                [case.ledger.value(scaler, _where(scaler))],
                weight=0.6 if own and fresh else 0.0,
                onset=since if fresh else None,
                claims=[
                    Claim(
                        ref,
                        "autoscaling.no_metrics",
                        0.85 if own else 0.3,
                        why,
                        also=(_scaled_by(scaler),),
                    )
                ],
                place=_scaled_by(scaler),
            )
        limited = _condition(scaler, "ScalingLimited")
        if (
            limited
            and limited.get("status") == "True"
            and limited.get("reason") == "TooManyReplicas"
        ):
            most, changed = dig(scaler, "spec.maxReplicas"), case.changed_at(ref)
            why = f"autoscaler {ref.name} is at its maximum of {most} replicas and would add more"
            why += f"; it was edited at {brief(changed)}" if changed else ""
            yield case.clue(
                "autoscaling.at_limit",
                ref,
                why,
                [case.ledger.value(scaler, _where(scaler))],
                weight=0.0,
                onset=changed or parse_time(limited.get("lastTransitionTime")),
                claims=[
                    Claim(
                        ref,
                        "autoscaling.at_limit",
                        0.7 if changed else 0.4,
                        why,
                        also=(_scaled_by(scaler),),
                    )
                ],
                place=_scaled_by(scaler),
            )


_UNSERVED = re.compile(
    r"could not find the requested resource|no matches for kind|no custom metrics api|no external metrics api"
    r"|unable to handle the request",
    re.I,
)
"""No server of the metrics API is installed, or the one that is does not answer."""
_NO_VALUES = re.compile(r"no metrics returned|did not receive metrics|no metrics known", re.I)
_YOUNG = timedelta(minutes=3)
_NOTE = "autoscaling.alpha.kubernetes.io/conditions"


def _condition(scaler: Json, kind: str) -> Json | None:
    """Return a condition; where the server prefers autoscaling/v1, it is written in an annotation."""
    found = condition(scaler, kind)
    if found is not None:
        return found
    try:
        noted = json.loads((dig(scaler, "metadata.annotations", {}) or {}).get(_NOTE, "[]"))
    except ValueError:
        return None
    return next((dict(c) for c in noted if isinstance(c, dict) and c.get("type") == kind), None)


def _where(scaler: Json) -> str:
    return "status.conditions" if dig(scaler, "status.conditions") else "metadata.annotations"


_SCALED = re.compile(
    r"caled (up|down) replica set \S+ (?:from (\d+) to (\d+)|to (\d+)(?: from (\d+))?)"
)
_PAST = re.compile(r"number of replicas (below Spec\.MinReplicas|above Spec\.MaxReplicas)", re.I)
_TURNS = 3
"""Changes of direction from which on a workload is scaled to and fro."""


def contested(case: Case) -> Iterator[Clue]:
    """Report workloads whose replicas two parties set against each other.

    An autoscaler never leaves its own bounds: that it had to come back within them again and again
    shows that somebody else sets the replicas, as does scaling to and fro without its doing.
    """
    scalers = {_scaled_by(s): s for s in case.snapshot.of("HorizontalPodAutoscaler")}
    for obj in case.snapshot.of("Deployment"):
        workload = ref_of(obj)
        scaler = scalers.get(workload)
        events = [
            e
            for e in case.snapshot.events(workload)
            if e.get("reason") == "ScalingReplicaSet" and case.snapshot.is_recent(event_time(e))
        ]
        ups, downs = _directions(case, workload, events)
        returns = _returns(case, scaler) if scaler else []
        past = sum(event_count(e) for e in returns)
        turns = 2 * min(ups, downs)
        if past < 2 and turns < _TURNS:
            continue
        own = _rescales(case, scaler) if scaler else 0
        # Without a second party it is the load, or a hand, that goes up and down.
        alone = turns < 2 * _TURNS if scaler is None else own >= ups + downs
        if past < 2 and alone:
            continue
        yield _contest(case, obj, scaler, [*returns, *events], past)


def _contest(case: Case, obj: Json, scaler: Json | None, events: Sequence[Json], past: int) -> Clue:
    workload = ref_of(obj)
    writers = _writers(obj)
    who = f"; its replicas are written by {' and '.join(writers)}" if len(writers) > 1 else ""
    if scaler is not None:
        low, high = dig(scaler, "spec.minReplicas", 1), dig(scaler, "spec.maxReplicas")
        why = f"autoscaler {scaler['metadata']['name']} wants {low} to {high} replicas of {workload.name}"
        why += (
            f" and had to bring it back there {past} times, since somebody else scales it"
            if past >= 2
            else ", and somebody else scales it to and fro"
        )
        facts: dict[str, Fact] = {"replicas": int(low or 1)}
    else:
        why, facts = "it is scaled to and fro by two parties", {}
    place = ref_of(scaler) if scaler is not None else workload
    also = (workload,) if scaler is not None else ()
    times = [t for t in (event_first(e) for e in events) if t]
    return case.clue(
        "autoscaling.contested",
        place,
        f"{workload.kind} {workload.name} is scaled to and fro: {why}{who}",
        [
            case.ledger.events(workload, events[-4:]),
            case.ledger.value(scaler or obj, "spec" if scaler else "spec.replicas"),
        ],
        weight=0.7,
        onset=min(times, default=None),
        claims=[
            Claim(
                place,
                "autoscaling.contested",
                0.88 if past >= 2 else 0.7,
                f"{why}{who}",
                also,
                facts,
            )
        ],
        place=workload,
        local=True,
    )


def _scaled_by(scaler: Json) -> ObjectRef:
    target = dig(scaler, "spec.scaleTargetRef", {})
    return ObjectRef(str(target.get("kind")), ref_of(scaler).namespace, str(target.get("name")))


def _directions(case: Case, workload: ObjectRef, events: Sequence[Json]) -> tuple[int, int]:
    """Return how often one ReplicaSet was scaled up and down, apart from rollouts and from zero."""
    names = [str(s["metadata"]["name"]) for s in case.snapshot.replica_sets(workload)]
    ups = downs = 0
    for event in events:
        text = str(event.get("message", ""))
        match = _SCALED.search(text)
        after = (match[3] or match[4]) if match else None
        if (
            match is None
            or after == "0"
            or (names and not any(f" {n} " in f"{text} " for n in names[:1]))
        ):
            continue
        if match[1] == "up":
            ups += event_count(event)
        else:
            downs += event_count(event)
    return ups, downs


def _returns(case: Case, scaler: Json) -> list[Json]:
    return [e for e in _acts(case, scaler) if _PAST.search(str(e.get("message", "")))]


def _rescales(case: Case, scaler: Json) -> int:
    return sum(event_count(e) for e in _acts(case, scaler))


def _acts(case: Case, scaler: Json) -> list[Json]:
    return [
        e
        for e in case.snapshot.events(ref_of(scaler))
        if e.get("reason") == "SuccessfulRescale" and case.snapshot.is_recent(event_time(e))
    ]


def _writers(obj: Json) -> list[str]:
    """Return the field managers that wrote the replicas, as the server recorded them."""
    found = [
        str(entry.get("manager"))
        for entry in dig(obj, "metadata.managedFields", []) or []
        if "f:replicas" in dig(entry, "fieldsV1.f:spec", {})
    ]
    return sorted(set(found))
