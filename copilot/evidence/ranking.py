"""Ranks candidate causes by how well they explain what was found.

The model is a two-layer noisy-OR network, as in QMR-DT (Shwe et al., "Probabilistic diagnosis
using a reformulation of the INTERNIST-1/QMR knowledge base", 1991): causes above, symptoms below;
a symptom stays away only if every present cause fails to produce it and it does not arise by
itself. A cause produces a symptom surely where an analyzer names it for that symptom, and less
surely the further the symptom lies from it, up the call graph. So a victim is explained by its
dependency, and not the other way round.

What a finding by itself says about a cause (`Claim.strength`) fixes the cause's prior: the prior
with which this one symptom would make the cause exactly that probable. An independent hint (a
rollout, a static contradiction) is the prior itself, as virtual evidence (Pearl, "Probabilistic
Reasoning in Intelligent Systems", 1988, 2.2.2).

The most probable set of causes is found greedily (parsimonious covering: Peng and Reggia,
"Abductive Inference Models for Diagnostic Problem-Solving", 1990): add the cause that raises the
probability most, until none raises it. What is explained already pays no second time: that is
"explaining away". The confidence of a cause is its share against the causes that could stand in
its place, and against there being none.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.model.scope import ObjectRef

LEAK = 0.05
"""Probability that a symptom arises though none of the known causes is there."""
DIRECT = 0.95
"""Probability that a cause produces the very symptom that an analyzer names it for."""
UNHEALTHY_CALLER = 0.6
"""How much less surely a caller becomes unready or crashes than merely fails its requests."""
SAID_ITSELF = 0.75
"""How surely a program's own last words must name a cause of its own, to be believed."""
CHANGED = 3.0
"""How much a change of the object within the window raises the odds of a cause there."""
LATENT = 0.03
"""How much of a suspicion is left that no symptom and no change goes with: all was well with it before."""
DOUBTFUL = 0.25
"""Share against its rivals below which a cause stands behind surer ones, however much it would explain."""
SUPPORT = 0.45
"""How much of a symptom a cause must account for to be worth reporting."""

_CALLER_SIDE = frozenset({"config.env_wrong", "dependency.wrong_address", "network.dns",
                          "dependency.pool_exhausted", "workload.bad_rollout",
                          "database.wrong_password", "database.tls_mismatch",
                          "node.resource_exhausted", "config.secret_missing"})  # fmt: skip


_FLOODS = frozenset({"traffic.surge", "dependency.retry_storm"})
"""Causes that are more calls than before: those who get them suffer, down the call graph."""


@dataclass(slots=True)
class Candidate:
    """One possible cause at one object, with the clues that speak for it."""

    object: ObjectRef
    cause: str
    prior: float = 0.0
    claims: list[tuple[Clue, Claim]] = field(default_factory=list)
    nodes: tuple[ObjectRef, ...] = ()
    explains: dict[int, float] = field(default_factory=dict)
    score: float = -math.inf
    confidence: float = 0.0
    changed: bool = False

    @property
    def strength(self) -> float:
        """Return what the evidence says of it by itself: all kinds of findings together, and a change."""
        best: dict[str, float] = {}
        for clue, claim in self.claims:
            code = clue.finding.code
            sure = claim.strength * (LATENT if _latent(clue) else 1.0)
            best[code] = max(best.get(code, 0.0), sure)
        against = math.prod(1 - min(s, 0.985) for s in best.values())
        odds = (1 - against) / against * (CHANGED if self.changed else 1.0)
        return odds / (1 + odds)

    @property
    def best(self) -> tuple[Clue, Claim]:
        """Return the strongest claim with its clue."""
        return max(self.claims, key=lambda item: (item[1].strength, item[0].weight))

    @property
    def also(self) -> tuple[ObjectRef, ...]:
        """Return objects whose change would repair it as well."""
        found = [ref for _, claim in self.claims for ref in claim.also]
        return tuple(ref for ref in dict.fromkeys(found) if ref != self.object)


@dataclass(frozen=True, slots=True)
class Ranking:
    """`causes` are the accepted ones, best first; `others` could stand in their place."""

    symptoms: tuple[Clue, ...]
    causes: tuple[Candidate, ...]
    others: tuple[Candidate, ...]
    strongest: float


def rank(case: Case, clues: Sequence[Clue], prefer: Iterable[ObjectRef] = ()) -> Ranking:
    """Rank the causes that the clues speak for. `prefer` are the nodes that the question is about."""
    symptoms = [clue for clue in clues if clue.weight > 0]
    candidates = _candidates(case, clues)
    for candidate in candidates:
        candidate.explains = _explains(case, candidate, symptoms)
    chosen = _cover(candidates, symptoms)
    for candidate in chosen:
        _confidence(candidate, chosen, candidates, symptoms)
    if not chosen:
        _undecided(candidates, symptoms)
    accepted = [c for c in chosen if _support(c, symptoms) >= SUPPORT]
    rejected = [c for c in chosen if c not in accepted]
    others = [c for c in candidates if c not in chosen and c.confidence >= 0.03]
    wanted = set(prefer)
    accepted.sort(
        key=lambda c: (
            not _relevant(case, c, wanted),
            c.confidence < DOUBTFUL,
            # About as sure: what accounts for more of what is seen comes first.
            -round(c.confidence, 1),
            -_mass(c, symptoms),
        )
    )
    others.sort(key=lambda c: -c.confidence)
    return Ranking(
        tuple(symptoms),
        tuple(accepted),
        (*others, *rejected),
        max((s.weight for s in symptoms), default=0.0),
    )


def _candidates(case: Case, clues: Sequence[Clue]) -> list[Candidate]:
    found: dict[tuple[ObjectRef, str], Candidate] = {}
    for clue in clues:
        named = [c for c in clue.claims if c.strength > 0]
        if clue.weight > 0 and not named:
            named = [Claim(clue.place, "unknown", 0.08, clue.finding.summary)]
        for claim in named:
            candidate = found.setdefault(
                (claim.object, claim.cause), Candidate(claim.object, claim.cause)
            )
            candidate.claims.append((clue, claim))
            strength = claim.strength * (LATENT if _latent(clue) else 1.0)
            candidate.prior = max(candidate.prior, _prior(strength, clue.weight))
    claimed: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
    for candidate in found.values():
        claimed[candidate.object] += [clue.place for clue, _ in candidate.claims]
    recent = case.now - max(
        timedelta(seconds=case.snapshot.scope.window.seconds), timedelta(minutes=5)
    )
    for candidate in found.values():
        changed = case.changed_at(candidate.object)
        if changed and changed >= recent:
            odds = CHANGED * candidate.prior / (1 - candidate.prior)
            candidate.prior = odds / (1 + odds)
            candidate.changed = True
        known = case.snapshot.get(candidate.object) is not None and candidate.object.kind in _GRAPH
        linked = len(case.topology.upstream(candidate.object)) > 1
        places = tuple(dict.fromkeys(clue.place for clue, _ in candidate.claims))
        if candidate.changed:  # an edit may harm each of those who use it
            places = tuple(dict.fromkeys((*places, *claimed[candidate.object])))
        candidate.nodes = (candidate.object,) if known or linked else places
    return sorted(found.values(), key=lambda c: (c.object, c.cause))


_GRAPH = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "Service", "Pod", "Job", "CronJob", "ReplicaSet"}
)


def _latent(clue: Clue) -> bool:
    return clue.weight == 0 and clue.finding.onset is None


def _prior(strength: float, weight: float) -> float:
    """Invert: with this prior, one symptom of this weight makes the cause `strength` probable."""
    strength = min(max(strength, 0.001), 0.985)
    odds = strength / (1 - strength)
    if weight > 0:
        odds *= (LEAK / (LEAK + (1 - LEAK) * DIRECT)) ** weight
    return odds / (1 + odds)


def _explains(case: Case, candidate: Candidate, symptoms: Sequence[Clue]) -> dict[int, float]:
    own = {id(clue) for clue, _ in candidate.claims}
    nodes = set(candidate.nodes)
    reach: dict[ObjectRef, float] = {}
    cut_off: dict[ObjectRef, float] = {}
    silent = any(s.finding.code == "service.silent" for s in symptoms)
    for node in candidate.nodes:
        for place, surely in case.topology.upstream(node).items():
            reach[place] = max(reach.get(place, 0.0), surely)
        if silent:
            for place, surely in case.topology.downstream(node).items():
                cut_off[place] = max(cut_off.get(place, 0.0), surely)
    if candidate.cause in _FLOODS:
        for node in candidate.nodes:
            for place, surely in case.topology.downstream(node).items():
                reach[place] = max(reach.get(place, 0.0), 0.9 * surely)
    for clue, _ in candidate.claims:
        # What it takes down elsewhere takes its own callers with it, whether or not the
        # dependency between the two is configured anywhere that can be read.
        if clue.weight > 0 and clue.finding.code.startswith("pod."):
            for place, surely in case.topology.upstream(clue.place).items():
                reach[place] = max(reach.get(place, 0.0), DIRECT * surely)
            for place, surely in case.topology.downstream(clue.place).items() if silent else ():
                cut_off[place] = max(cut_off.get(place, 0.0), DIRECT * surely)
    found: dict[int, float] = {}
    for index, symptom in enumerate(symptoms):
        direct = id(symptom) in own
        where = symptom.place if symptom.toward is None else symptom.toward
        # Most symptoms lie beyond the reach of most candidates.
        if not direct and not (
            where in reach or symptom.place in cut_off or symptom.place in nodes
        ):
            continue
        chance = DIRECT if direct else _produces(candidate, symptom, reach, cut_off)
        if chance > 0.02:
            found[index] = chance
    return found


def _produces(
    candidate: Candidate,
    symptom: Clue,
    reach: Mapping[ObjectRef, float],
    cut_off: Mapping[ObjectRef, float],
) -> float:
    """Return the probability that a cause produces a symptom that does not name it.

    `reach` are the nodes that depend on the cause's place; `cut_off` those that it depends on,
    which get no more calls when it is down.
    """
    if candidate.cause == "unknown" or symptom.local:
        return 0.0
    if symptom.toward is not None:
        here = symptom.place in candidate.nodes and candidate.cause in _CALLER_SIDE
        return max(DIRECT * reach.get(symptom.toward, 0.0), 0.8 if here else 0.0)
    chance = DIRECT * reach.get(symptom.place, 0.0)
    if symptom.finding.code == "service.silent":
        return max(chance, 0.6 * cut_off.get(symptom.place, 0.0))
    if symptom.finding.code.startswith("pod.") and symptom.place not in candidate.nodes:
        own = max((c.strength for c in symptom.claims if c.object == symptom.place), default=0.0)
        # One that says itself what it ends of does not end for what it never mentions.
        chance *= 0.25 * UNHEALTHY_CALLER if own >= SAID_ITSELF else UNHEALTHY_CALLER
    if (
        symptom.place in candidate.nodes
        and symptom.claims
        and symptom.finding.code.startswith("pod.")
    ):
        chance *= 0.3  # the analyzer of this very pod had other causes in mind
    return chance


def _absent(chosen: Sequence[Candidate], symptoms: Sequence[Clue]) -> list[float]:
    """Return, by symptom, the noisy-OR probability that a set of causes does not produce it."""
    absent = [1 - LEAK] * len(symptoms)
    for candidate in chosen:
        for index, chance in candidate.explains.items():
            absent[index] *= 1 - chance
    return absent


def _gain(candidate: Candidate, absent: Sequence[float], symptoms: Sequence[Clue]) -> float:
    """Return by how much adding a cause to others raises the log probability of everything seen.

    `absent` is what the others leave unexplained.
    """
    gain = math.log(candidate.prior / (1 - candidate.prior))
    for index, chance in candidate.explains.items():
        left = absent[index]
        gain += symptoms[index].weight * math.log((1 - left * (1 - chance)) / (1 - left))
    return gain


def _cover(candidates: Sequence[Candidate], symptoms: Sequence[Clue]) -> list[Candidate]:
    chosen: list[Candidate] = []
    barred: set[int] = set()
    while True:
        # A second cause at the same object is a rival reading of it, not one more fault.
        taken = {c.object for c in chosen}
        rest = [
            c for c in candidates if c.explains and c.object not in taken and id(c) not in barred
        ]
        absent = _absent(chosen, symptoms)
        gains = [_gain(c, absent, symptoms) for c in rest]
        top = max(gains, default=0.0)
        if top <= 0:
            break
        best = rest[gains.index(top)]
        chosen.append(best)
        # An earlier choice that the newer ones made needless goes, and does not come back: a
        # cover is to be irredundant.
        for early in chosen[:-1]:
            others = _absent([c for c in chosen if c is not early], symptoms)
            if _gain(early, others, symptoms) <= 0:
                chosen.remove(early)
                barred.add(id(early))
    _exchange(chosen, candidates, symptoms)
    for candidate in chosen:
        absent = _absent([c for c in chosen if c is not candidate], symptoms)
        candidate.score = _gain(candidate, absent, symptoms)
    return chosen


def _exchange(
    chosen: list[Candidate], candidates: Sequence[Candidate], symptoms: Sequence[Clue]
) -> None:
    """Put a likelier rival in the place of an early choice that later ones made less likely."""
    for index, early in enumerate(chosen if len(chosen) > 1 else ()):
        rest = [c for c in chosen if c is not early]
        taken = {c.object for c in rest}
        absent = _absent(rest, symptoms)
        own = _gain(early, absent, symptoms)
        mine = {i for i, chance in early.explains.items() if chance >= 0.3}
        rivals = [
            c
            for c in candidates
            if c not in chosen
            and c.object not in taken
            and any(c.explains.get(i, 0.0) >= 0.3 for i in mine)
        ]
        best = max(rivals, key=lambda c: _gain(c, absent, symptoms), default=early)
        if _gain(best, absent, symptoms) > own:
            chosen[index] = best


def _confidence(
    candidate: Candidate,
    chosen: Sequence[Candidate],
    candidates: Sequence[Candidate],
    symptoms: Sequence[Clue],
) -> None:
    """Weigh a chosen cause against those that could explain the same symptoms in its place."""
    without = _absent([c for c in chosen if c is not candidate], symptoms)
    mine = {i for i, chance in candidate.explains.items() if chance >= 0.3}
    own = _gain(candidate, without, symptoms)
    rivals: list[tuple[Candidate, float]] = []
    for other in candidates:
        if other in chosen or not any(other.explains.get(i, 0.0) >= 0.3 for i in mine):
            continue
        rivals.append((other, _gain(other, without, symptoms)))
    # In units of the largest, since with many symptoms the odds exceed what a float holds.
    top = max(own, 0.0, *(gain for _, gain in rivals))
    odds = math.exp(own - top)
    shares = [(other, math.exp(gain - top)) for other, gain in rivals]
    against = sum(value for _, value in shares)
    total = odds + against + math.exp(-top)
    candidate.confidence = min(odds / total, 0.99)
    for other, value in shares:
        other.confidence = max(other.confidence, min(value / total, 0.95))


def _undecided(candidates: Sequence[Candidate], symptoms: Sequence[Clue]) -> None:
    """Weigh the best candidates when none is more likely than not."""
    none = _absent((), symptoms)
    values = {id(c): math.exp(min(_gain(c, none, symptoms), 0.0)) for c in candidates if c.explains}
    total = 1 + sum(values.values())
    for candidate in candidates:
        candidate.confidence = values.get(id(candidate), 0.0) / total


def _mass(candidate: Candidate, symptoms: Sequence[Clue]) -> float:
    return sum(symptoms[i].weight * p for i, p in candidate.explains.items())


def _support(candidate: Candidate, symptoms: Sequence[Clue]) -> float:
    missing = 1.0
    for index, chance in candidate.explains.items():
        missing *= 1 - symptoms[index].weight * chance
    return 1 - missing


def _relevant(case: Case, candidate: Candidate, wanted: set[ObjectRef]) -> bool:
    if not wanted:
        return True
    return any(wanted & set(case.topology.upstream(node)) for node in candidate.nodes)
