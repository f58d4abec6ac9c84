"""Puts a ranked cause into words: a summary sentence, and a chain from the cause to the symptoms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from copilot.evidence.analyzers.targets import backing, is_broker
from copilot.evidence.calibration import calibrated
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue
from copilot.evidence.kube import brief
from copilot.evidence.ranking import Candidate, Ranking, sureness
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import RootCause, Step, Verdict
from copilot.model.scope import ObjectRef

_STEPS = 6
_DEPENDED_ON = frozenset({"Service", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod"})
_SECONDARY = frozenset({"service.silent", "log.upstream_error"})
"""What a service shows for want of calls, or repeats of others."""


def root_cause(
    case: Case,
    candidate: Candidate,
    symptoms: Sequence[Clue],
    *,
    first: bool = True,
    winner: Candidate | None = None,
) -> RootCause:
    """Return a candidate as the public root cause, with its chain and evidence.

    `winner` is the accepted cause in whose place this one could stand: its chain says so. The fit of the
    confidence is to first answers; what stands behind one is at most as sure as its share against its rivals.
    """
    claim = candidate.best[1]
    since = onset(case, candidate, symptoms)
    when = f", since {brief(since)}" if since and brief(since) not in claim.because else ""
    title = CAUSES[candidate.cause].title if candidate.cause in CAUSES else candidate.cause
    summary = f"{candidate.object.kind} {candidate.object.name}: {claim.because}{when}"
    instead = (
        f"Instead of {winner.object.kind} {winner.object.name}, which is likelier: "
        if winner
        else ""
    )
    opening = Step(
        f"{instead}{title}: {summary}.", _evidence_of([c for c, _ in _by_strength(candidate)][:2])
    )
    chain = [
        opening,
        *(_step(case, candidate, s, since) for s in consequences(case, candidate, symptoms)),
    ]
    cited = [e for step in chain[:1] for e in step.evidence]
    cited += [e for c, _ in _by_strength(candidate) for e in c.finding.evidence]
    cited += [e for step in chain[1:4] for e in step.evidence[:1]]
    sure = calibrated(candidate.strength) if first else sureness(candidate)
    return RootCause(
        object=candidate.object,
        cause=candidate.cause,
        summary=summary,
        confidence=round(sure, 3),
        evidence=tuple(dict.fromkeys(cited))[:12],
        also=tuple(dict.fromkeys((*candidate.also, *_takes_effect(case, candidate, symptoms)))),
        chain=tuple(chain),
    )


def _takes_effect(
    case: Case, candidate: Candidate, symptoms: Sequence[Clue]
) -> tuple[ObjectRef, ...]:
    """Return the workload in which a setting that many programs read does its harm.

    It is the one nearest to the end of the calls among those that deviate by themselves; before a
    consumer that falls behind comes the broker that is flooded.
    """
    if candidate.cause != "config.feature_flag":
        return ()
    explained = [symptoms[i] for i, p in candidate.explains.items() if p >= 0.2]
    places = {s.place: s for s in explained if s.finding.code not in _SECONDARY}
    deepest = [
        place
        for place in places
        if not any(
            other in case.topology.downstream(place)
            and place not in case.topology.downstream(other)
            for other in places
            if other != place
        )
    ]
    deepest.sort(key=lambda place: (-places[place].weight, place))
    lagging = {p for p in deepest if places[p].finding.code == "queue.lag"}
    flooded = {broker for place in lagging for broker in _brokers_of(case, place)}
    return (*sorted(flooded), *deepest[:1])


def _brokers_of(case: Case, place: ObjectRef) -> set[ObjectRef]:
    used = {w for callee in case.topology.callees(place) for w in backing(case, callee)}
    return {workload for workload in used if is_broker(case, workload)}


def _by_strength(candidate: Candidate) -> list[tuple[Clue, object]]:
    ordered = sorted(candidate.claims, key=lambda item: -item[1].strength)
    return [(clue, claim) for clue, claim in ordered]


def _evidence_of(clues: Sequence[Clue]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e for clue in clues for e in clue.finding.evidence))


def consequences(case: Case, candidate: Candidate, symptoms: Sequence[Clue]) -> list[Clue]:
    """Return the symptoms that a cause accounts for, nearest to it first."""
    own = candidate.best[0]
    explained = [
        (symptoms[i], p)
        for i, p in candidate.explains.items()
        if p >= 0.2 and symptoms[i] is not own
    ]

    def distance(item: tuple[Clue, float]) -> tuple[float, str]:
        reach = max(
            (case.topology.upstream(n).get(item[0].place, 0.0) for n in candidate.nodes),
            default=0.0,
        )
        return (-reach, item[0].finding.key)

    return [symptom for symptom, _ in sorted(explained, key=distance)[:_STEPS]]


_COUNTED = re.compile(r"(?:\d+ times )?since (\d\d:\d\d:\d\d UTC)")


def _cut(text: str, since: datetime | None) -> str:
    """Let a consequence begin no sooner than its cause: what was logged before is of something else."""
    if since is None:
        return text
    return _COUNTED.sub(
        lambda found: found[0] if found[1] >= brief(since) else f"since {brief(since)}", text
    )


def _step(case: Case, candidate: Candidate, symptom: Clue, since: datetime | None) -> Step:
    text = _cut(symptom.finding.summary.rstrip("."), since)
    own = {*candidate.nodes, *(w for n in candidate.nodes for w in case.topology.callees(n))}
    if symptom.place not in own:
        depends = any(symptom.place in case.topology.upstream(n) for n in candidate.nodes)
        through = next(
            (n for n in candidate.nodes if n in case.topology.callees(symptom.place)), None
        )
        name = through.name if through else candidate.object.name
        if through is None and candidate.object.kind not in _DEPENDED_ON:
            why = f"Because of {candidate.object.kind} {name}"
        else:
            why = f"Because it depends on {name}" if depends else f"Because {name} calls it no more"
        text = f"{why}: {text}"
    return Step(f"{text}.", symptom.finding.evidence)


def onset(case: Case, candidate: Candidate, symptoms: Sequence[Clue]) -> datetime | None:
    """Return since when: the change that made it, else the earliest symptom that it explains."""
    changed = case.changed_at(candidate.object)
    own = [clue.finding.onset for clue, _ in candidate.claims if clue.finding.onset]
    explained = [symptoms[i].finding.onset for i, p in candidate.explains.items() if p >= 0.5]
    times = [t for t in (*own, *explained) if t]
    earliest = min(times, default=None)
    if changed and (earliest is None or changed <= earliest):
        return changed
    return min((t for t in own if t), default=earliest)


_WORTH_A_LOOK = 0.35
"""Weight of what harms nothing that is known, and may not be meant so."""
_NAMED = 3


def summarize(
    verdict: Verdict, ranking: Ranking, causes: Sequence[RootCause], scope_text: str
) -> str:
    """Return the diagnosis in one or two sentences."""
    if verdict is Verdict.HEALTHY:
        text = f"Nothing is wrong in {scope_text}: no present symptom was found."
        return f"{text}{_not_counted(ranking.symptoms)}"
    if verdict is Verdict.INCONCLUSIVE:
        shown = (
            ranking.symptoms[0].finding.summary if ranking.symptoms else "too little could be read"
        )
        return f"Something may be wrong in {scope_text}, but the evidence does not name the cause: {shown}."
    first = causes[0]
    text = f"{first.summary}."
    # What could stand in the place of a cause is a rival reading of it, not one more.
    accepted = {(c.object, c.cause) for c in ranking.causes}
    sure = [c for c in causes[1:] if c.confidence >= 0.5 and (c.object, c.cause) in accepted]
    if sure:
        text += " Independently: " + "; ".join(c.summary for c in sure[:3]) + "."
    return text


def _not_counted(symptoms: Sequence[Clue]) -> str:
    """Name what was seen in a healthy scope, and why it is no trouble."""
    seen = sorted(symptoms, key=lambda clue: -clue.weight)
    worth = [clue for clue in seen if clue.weight >= _WORTH_A_LOOK][:_NAMED]
    passing = [clue for clue in seen if clue.weight < _WORTH_A_LOOK][:_NAMED]
    text = ""
    if worth:
        told = "; ".join(clue.finding.summary for clue in worth)
        text = (
            " Seen, but not counted as trouble, since nobody who depends on it fails, and worth a look"
            f" though: {told}."
        )
    if passing and not worth:
        told = "; ".join(clue.finding.summary for clue in passing)
        text = f" Seen, but not counted, since it is rare, brief or as before: {told}."
    return text


def next_observation(ranking: Ranking) -> str:
    """Return the one observation that would best separate the remaining candidates."""
    rivals = sorted([*ranking.causes, *ranking.others], key=lambda c: -c.confidence)[:2]
    if not rivals:
        return (
            "Look again in a minute, or widen the window: no candidate cause has any evidence yet."
        )
    first = rivals[0]
    look = _LOOKS.get(
        first.cause.split(".")[0], "Describe it and read its events and logs once more"
    )
    text = f"{look}: {first.object}"
    if len(rivals) > 1:
        text += f" ({first.cause} against {rivals[1].cause} at {rivals[1].object})"
    return text + "."


_LOOKS = {
    "service": "Call the Service's target port from another pod (kubectl exec … -- wget -qO- <pod ip>:<port>)",
    "network": "Try the blocked connection from a pod of the caller, with and without the policy",
    "dependency": "Call the dependency from the caller's pod and read both logs at that moment",
    "application": "Follow one failing request in the program's own log or trace",
    "database": "Log in to the database with the program's own credentials",
    "resources": "Watch the container's memory and CPU against its limits for a minute",
    "probe": "Request the probe's path and port from inside the container",
    "workload": "Compare the present revision with the one before, and read the last run's log",
    "config": "Print the container's environment and compare it with the Services that exist",
}
