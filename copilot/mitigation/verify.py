"""Is the symptom gone?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

from copilot.model.action import Mitigation, parts
from copilot.model.clock import Clock
from copilot.model.diagnosis import Diagnosis, Finding, RootCause, Severity
from copilot.model.scope import ObjectRef, Scope, Window

Symptoms = Callable[[Scope], Awaitable[tuple[Finding, ...]]]
"""Looks at a scope again and returns what deviates now."""

Unfinished = Callable[[], Awaitable[str]]
"""Says what of the write is still under way ("" when it has taken full effect)."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How long to look, and how soon first, in seconds; later looks come up to three times later.

    The symptom must stay away for two looks in a row. Where a part of the symptoms is gone in time,
    the rest has `patience` times as long again: a program that crashed for lack of what is repaired now is started
    again by the kubelet after up to five minutes. A look goes back `recent` seconds at most, so that
    what failed before it does not count.
    """

    timeout: float = 240.0
    interval: float = 5.0
    patience: float = 1.5
    recent: float = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen after a write.

    `cured` with something `remaining`: that is left which another thing explains that was broken before,
    `others`, and is still.
    """

    cured: bool
    seconds: float
    remaining: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


_LIKELY = 0.5
"""From this confidence on another root cause is taken to be there as well."""
_APART = 0.3
"""The same of one that has a symptom of its own, which this one does not explain."""
_OF_VICTIMS = ("dependency.", "application.", "traffic.", "unknown")
"""Causes that who merely depends on something broken is suspected of, too."""


def symptoms_of(diagnosis: Diagnosis, mitigation: Mitigation) -> tuple[str, ...]:
    """Return the keys of the findings that `mitigation` must make go away.

    A symptom that another likely cause explains as well, one that this does not repair, may stay: of
    two things that are broken at once, the repair of one alone is not wrong because users still fail.
    """
    targets = {part.object for part in parts(mitigation.action)}
    same = [r for r in diagnosis.root_causes if r.cause == mitigation.cause]
    roots = [r for r in same if targets & {r.object, *r.also}] or same[:1]
    cited = {i for r in roots for i in r.evidence}
    cited |= {i for r in roots for step in r.chain for i in step.evidence}
    places = targets.union(*({r.object, *r.also} for r in roots))
    found = [
        finding
        for finding in diagnosis.findings
        if roots
        and finding.severity is not Severity.INFO
        and (finding.object in places or cited & set(finding.evidence))
    ]
    shared = _of_others(diagnosis, places, cited)
    kept = [f for f in found if f.object in places or not shared & set(f.evidence)]
    return tuple(dict.fromkeys(finding.key for finding in kept or found))


def _of_others(
    diagnosis: Diagnosis, places: Collection[ObjectRef], cited: Collection[str]
) -> set[str]:
    """Return the evidence of the likely causes at other places, and of those with symptoms of their own."""

    def apart(root: RootCause) -> bool:
        return root.confidence >= _APART and any(
            finding.severity is Severity.CRITICAL
            and finding.object in (root.object, *root.also)
            and not set(cited) & set(finding.evidence)
            for finding in diagnosis.findings
        )

    return {
        evidence
        for root in diagnosis.root_causes
        if not {root.object, *root.also} & set(places)
        and (root.confidence >= _LIKELY or apart(root))
        for evidence in (*root.evidence, *(i for step in root.chain for i in step.evidence))
    }


async def verify(
    keys: tuple[str, ...],
    before: frozenset[str],
    scope: Scope,
    symptoms: Symptoms,
    unfinished: Unfinished,
    clock: Clock,
    settings: Verification,
    targets: Collection[str] = (),
) -> Outcome:
    """Look until none of `keys` is seen twice in a row, or time is up.

    An absent symptom counts only once the write has taken full effect: between the old pods'
    end and the new ones' start there is nothing to see.

    `before` are the keys seen just before the write: a critical finding that was not among them
    and is still there at the end means that the write made something worse. A part that stays does
    not tell against the write, where what is gone is the part at its `targets` (objects as text), and
    something else that was broken before is so still: nothing else would be gained by taking it back.
    """
    started = clock.now()
    clean, pause = 0, settings.interval
    while True:
        await clock.sleep(pause)
        pause = min(pause * 1.3, 3 * settings.interval)
        now = clock.now()
        seconds = (now - started).total_seconds()
        since = max(started, now - timedelta(seconds=settings.recent))
        window = Window(since, now, scope.window.baseline_start)
        seen = await symptoms(Scope(scope.cluster, scope.namespaces, window, scope.services))
        remaining = tuple(sorted({f.key for f in seen} & set(keys)))
        new = tuple(
            sorted({f.key for f in seen if f.severity is Severity.CRITICAL} - before - set(keys))
        )
        better = not new and set(remaining) < set(keys)
        left = "" if remaining else await unfinished()
        if left:
            remaining = (left,)
        clean = clean + 1 if not remaining and not new else 0
        if clean >= 2:
            return Outcome(True, seconds)
        if seconds >= settings.timeout * (1 + settings.patience * better):
            others = _broken_besides(seen, before, keys, targets)
            spared = (
                better
                and not left
                and others
                and not {k.partition(" ")[2] for k in remaining} & set(targets)
            )
            return Outcome(bool(spared), seconds, remaining, new, others if spared else ())


def _broken_besides(
    seen: Collection[Finding],
    before: Collection[str],
    keys: Collection[str],
    targets: Collection[str],
) -> tuple[str, ...]:
    """Return what was broken before the write by itself, nothing of its symptoms, and is still."""
    return tuple(
        sorted(
            finding.key
            for finding in seen
            if finding.severity is Severity.CRITICAL
            and finding.key in before
            and finding.key not in keys
            and str(finding.object) not in targets
            and any(not cause.startswith(_OF_VICTIMS) for cause in finding.supports)
        )
    )
