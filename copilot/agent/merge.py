"""The model's submission and the engine's diagnosis become one diagnosis.

The engine is the arbiter: the model may explain, reorder and abstain, but what it claims without
evidence goes behind what the engine has shown, and it cannot declare healthy what the engine
found broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from copilot.agent.answer import Submission, SubmittedCause
from copilot.agent.claims import citations
from copilot.agent.grounding import Known, TextCheck, footer, problems
from copilot.model.action import Mitigation
from copilot.model.diagnosis import Diagnosis, RootCause, Usage, Verdict
from copilot.model.evidence import Evidence
from copilot.model.scope import ObjectRef


def objects_of(diagnosis: Diagnosis) -> frozenset[ObjectRef]:
    """Return every object that a diagnosis names."""
    causes = {ref for cause in diagnosis.root_causes for ref in (cause.object, *cause.also)}
    findings = {finding.object for finding in diagnosis.findings}
    actions = {mitigation.action.object for mitigation in diagnosis.mitigations}
    evidence = {ref for piece in diagnosis.evidence for ref in piece.objects}
    return frozenset(causes | findings | actions | evidence)


@dataclass(frozen=True, slots=True)
class Checked:
    """A submission after the grounding check.

    `faults` says, for the model, what does not hold; `claims` and `verified` count what was checked,
    `inferred` what only follows or sums up, and `uncited` the sentences that cite nothing.
    """

    submission: Submission
    summary: str
    root_causes: tuple[RootCause, ...]
    faults: tuple[str, ...]
    claims: int
    verified: int
    inferred: int
    uncited: int

    @property
    def footer(self) -> str:
        """The share of verified claims in one sentence."""
        return footer(self.claims, self.verified, self.uncited, self.inferred)


def check(submission: Submission, known: Known, engine: Diagnosis) -> Checked:
    """Check each claim of a submission and mark what does not hold."""
    text = TextCheck(known)
    summary = text.whole(submission.summary.strip())
    faults = [f'summary: "{said}": {"; ".join(why)}' for said, why in text.failed]
    causes = []
    for submitted in submission.root_causes:
        cause, why = _cause(submitted, known, engine)
        causes.append(cause)
        faults += [f"root cause {cause.object}: {reason}" for reason in why]
    held = sum(not cause.unverified for cause in causes)
    return Checked(
        submission,
        summary,
        tuple(causes),
        tuple(faults),
        text.claims + len(causes),
        text.verified + held,
        text.inferred,
        text.uncited,
    )


def _cause(
    submitted: SubmittedCause, known: Known, engine: Diagnosis
) -> tuple[RootCause, tuple[str, ...]]:
    ref = _resolve(submitted, known)
    why = problems(submitted.summary, submitted.evidence, known)
    if not submitted.evidence:
        why = ("it cites no evidence", *why)
    if not known.knows(ref):
        nearest = ", ".join(map(str, known.nearest(ref)))
        why = (f"no {ref} was seen" + (f"; known: {nearest}" if nearest else ""), *why)
    twin = next(
        (
            c
            for c in engine.root_causes
            if c.cause == submitted.cause and ref in (c.object, *c.also)
        ),
        None,
    )
    cause = RootCause(
        object=ref,
        cause=submitted.cause,
        summary=submitted.summary,
        confidence=submitted.confidence,
        evidence=tuple(i for i in submitted.evidence if i in known.evidence),
        also=twin.also if twin else (),
        chain=twin.chain if twin else (),
        unverified=bool(why),
    )
    return cause, why


def _resolve(submitted: SubmittedCause, known: Known) -> ObjectRef:
    """Complete a namespace that the model left out, where only one object fits."""
    said = submitted.object
    ref = ObjectRef(said.kind, said.namespace, said.name)
    if ref in known.objects or said.namespace:
        return ref
    fits = [o for o in known.objects if (o.kind, o.name) == (ref.kind, ref.name)]
    return fits[0] if len(fits) == 1 else ref


@dataclass(frozen=True, slots=True)
class Merged:
    """The diagnosis, and what a person should know about how it came about."""

    diagnosis: Diagnosis
    notices: tuple[str, ...]


def merge(
    checked: Checked,
    engine: Diagnosis,
    evidence: Mapping[str, Evidence],
    *,
    model: str,
    usage: Usage,
    looked_at: Iterable[str] = (),
) -> Merged:
    """Join both answers; `looked_at` are the calls that the model made."""
    notices: list[str] = []
    causes = list(checked.root_causes)
    verdict = Verdict(checked.submission.verdict)
    summary = checked.summary
    top = engine.root_causes[0] if engine.root_causes else None
    if verdict is Verdict.HEALTHY and engine.verdict is Verdict.INCIDENT:
        notices.append(
            f"{model} says that nothing is wrong; the evidence engine found an incident, "
            "and its diagnosis stands."
        )
        verdict, causes = engine.verdict, list(engine.root_causes)
        summary = f"{engine.summary}\n\n{model} disagrees: {checked.summary}"
    elif verdict is Verdict.INCIDENT and all(cause.unverified for cause in causes):
        verdict = engine.verdict if engine.root_causes else Verdict.INCONCLUSIVE
        notices.append(f"No evidence was found behind the cause that {model} names.")
    if top and verdict is not Verdict.HEALTHY and not _says(causes, top):
        if _names(causes, top):
            said = f"agree on {top.object}, but not on what is wrong there: the engine ranks {top.cause} first."
        else:
            said = f"disagree: the engine ranks {top.object} ({top.cause}) first."
        notices.append(f"The evidence engine and {model} {said}")
        left = 1 - max((cause.confidence for cause in causes if not cause.unverified), default=0)
        causes.append(replace(top, confidence=min(top.confidence, max(left, 0.05))))
    # Stable: among the verified, and among the unverified, the model's own order stays.
    causes.sort(key=lambda cause: cause.unverified)
    if checked.root_causes and all(cause.unverified for cause in checked.root_causes) and top:
        summary = f"{engine.summary}\n\n{model} says instead: {checked.summary}"
    diagnosis = replace(
        engine,
        verdict=verdict,
        summary=summary,
        root_causes=tuple(causes),
        evidence=_relevant(engine, evidence, checked, causes),
        mitigations=_mitigations(checked.submission, engine, causes),
        looked_at=tuple(dict.fromkeys((*engine.looked_at, *looked_at))),
        next_observation=checked.submission.next_observation or engine.next_observation,
        usage=total(engine.usage, usage),
        author=model,
    )
    return Merged(diagnosis, tuple(notices))


def _says(causes: Iterable[RootCause], top: RootCause) -> bool:
    """Whether a cause says the same of the same place."""
    return any(cause.cause == top.cause and _share(cause, top) for cause in causes)


def _names(causes: Iterable[RootCause], top: RootCause) -> bool:
    """Whether a cause that holds names the same place."""
    return any(not cause.unverified and _share(cause, top) for cause in causes)


def _share(one: RootCause, other: RootCause) -> bool:
    return bool({one.object, *one.also} & {other.object, *other.also})


def _relevant(
    engine: Diagnosis,
    evidence: Mapping[str, Evidence],
    checked: Checked,
    causes: Iterable[RootCause],
) -> tuple[Evidence, ...]:
    """Return the engine's evidence and whatever is cited besides, in order of discovery."""
    wanted = {piece.id for piece in engine.evidence} | set(citations(checked.summary))
    for cause in causes:
        wanted |= {*cause.evidence, *citations(cause.summary)}
    own = {piece.id: piece for piece in engine.evidence}
    return tuple(piece for i, piece in {**own, **evidence}.items() if i in wanted)


def _mitigations(
    submission: Submission, engine: Diagnosis, causes: list[RootCause]
) -> tuple[Mitigation, ...]:
    """Return what addresses the first cause first; for each cause the model's choice first.

    What the model chose for a claim that does not hold thus never comes before what the engine
    proposes for one that does. What nobody named is left out.
    """
    if not causes:
        return ()
    by_id = {mitigation.id: mitigation for mitigation in engine.mitigations}
    chosen = [by_id[i] for i in dict.fromkeys(submission.mitigations) if i in by_id]
    named = {cause.cause for cause in submission.root_causes}
    rest = [m for m in engine.mitigations if m not in chosen]
    order = [cause.cause for cause in causes]
    named.add(causes[0].cause)
    kept = [*chosen, *(m for m in rest if m.cause in named)]
    return tuple(
        sorted(kept, key=lambda m: order.index(m.cause) if m.cause in order else len(order))
    )


def total(engine: Usage, model: Usage) -> Usage:
    """Return what both have cost together; money is unknown when one of them is."""
    known = engine.money is not None and model.money is not None
    return Usage(
        seconds=engine.seconds + model.seconds,
        tool_calls=engine.tool_calls + model.tool_calls,
        input_tokens=engine.input_tokens + model.input_tokens,
        output_tokens=engine.output_tokens + model.output_tokens,
        money=(engine.money or 0) + (model.money or 0) if known else None,
    )
