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

from copilot.evidence.calibration import calibrated
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
WELL = 0.3
"""Probability from which on a cause explains a symptom well enough to rival another one for it."""
_NOTHING = 16.0
"""Difference of log odds beyond which a rival's share cannot be told from zero."""
UNFELT = 0.3
"""How much less a symptom counts that no user feels, in the order of independent causes."""
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
    well: frozenset[int] = frozenset()
    """The symptoms that it explains well enough to stand in another cause's place."""
    alone: float = 0.0
    """Its gain were it the only cause: no set of others leaves it more to explain."""
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
    shown = _Shown(symptoms)
    for candidate in candidates:
        candidate.explains = _explains(case, candidate, shown)
        candidate.well = frozenset(i for i, p in candidate.explains.items() if p >= WELL)
    none = _left((), symptoms)
    for candidate in candidates:
        candidate.alone = _gain(candidate, none)
    chosen = _cover(candidates, symptoms)
    for candidate in chosen:
        _confidence(candidate, chosen, candidates, symptoms)
    if not chosen:
        _undecided(candidates, symptoms)
    accepted = [c for c in chosen if _support(c, symptoms) >= SUPPORT]
    rejected = [c for c in chosen if c not in accepted]
    others = [c for c in candidates if c.confidence >= 0.03 and c not in chosen]
    wanted = set(prefer)
    felt = [_felt(case, symptom) for symptom in symptoms]
    accepted.sort(
        key=lambda c: (
            not _relevant(case, c, wanted),
            sureness(c) < DOUBTFUL,
            # What accounts for more of the users' trouble comes first; the surer one of two alike.
            -round(sureness(c) * _mass(c, felt), 1),
            -sureness(c),
            -_mass(c, [symptom.weight for symptom in symptoms]),
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
        if candidate.object.kind == "Pod" and not linked:  # what depends on it, names its workload
            candidate.nodes = places
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


class _Shown:
    """The symptoms by the places at which a cause could produce them: most lie beyond most causes."""

    def __init__(self, symptoms: Sequence[Clue]) -> None:
        self.symptoms = symptoms
        self.silent = any(s.finding.code == "service.silent" for s in symptoms)
        self.number = {id(symptom): index for index, symptom in enumerate(symptoms)}
        self._toward: dict[ObjectRef, list[int]] = defaultdict(list)
        self._at: dict[ObjectRef, list[int]] = defaultdict(list)
        for index, symptom in enumerate(symptoms):
            self._toward[symptom.toward or symptom.place].append(index)
            self._at[symptom.place].append(index)

    def within(
        self,
        reach: Mapping[ObjectRef, float],
        cut_off: Mapping[ObjectRef, float],
        nodes: Iterable[ObjectRef],
    ) -> set[int]:
        """Return the numbers of the symptoms that a cause with this reach could produce."""
        found = {i for place in self._toward.keys() & reach.keys() for i in self._toward[place]}
        for places in (cut_off, nodes):
            found.update(i for place in places for i in self._at.get(place, ()))
        return found


def _explains(case: Case, candidate: Candidate, shown: _Shown) -> dict[int, float]:
    own = {shown.number[id(clue)] for clue, _ in candidate.claims if id(clue) in shown.number}
    reach: dict[ObjectRef, float] = {}
    cut_off: dict[ObjectRef, float] = {}
    silent = shown.silent
    for node in candidate.nodes:
        for place, surely in case.topology.upstream(node).items():
            reach[place] = max(reach.get(place, 0.0), surely)
        if silent:
            for place, surely in case.topology.downstream(node).items():
                cut_off[place] = max(cut_off.get(place, 0.0), surely)
    if candidate.cause in _FLOODS or any(c.facts.get("floods") for _, c in candidate.claims):
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
    for index in sorted(own | shown.within(reach, cut_off, candidate.nodes)):
        symptom = shown.symptoms[index]
        chance = DIRECT if index in own else _produces(candidate, symptom, reach, cut_off)
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


@dataclass(frozen=True, slots=True)
class _Left:
    """What some causes leave unexplained: by symptom its weight, the chance that it stays away, and that logged."""

    weights: Sequence[float]
    absent: Sequence[float]
    logs: Sequence[float]


def _left(chosen: Sequence[Candidate], symptoms: Sequence[Clue]) -> _Left:
    """Return, by symptom, the noisy-OR probability that a set of causes does not produce it."""
    absent = [1 - LEAK] * len(symptoms)
    for candidate in chosen:
        for index, chance in candidate.explains.items():
            absent[index] *= 1 - chance
    return _Left([s.weight for s in symptoms], absent, [math.log(1 - a) for a in absent])


def _gain(candidate: Candidate, left: _Left) -> float:
    """Return by how much adding a cause to others raises the log probability of everything seen.

    `left` is what the others leave unexplained.
    """
    gain = math.log(candidate.prior / (1 - candidate.prior))
    weights, absent, logs, log = left.weights, left.absent, left.logs, math.log
    for index, chance in candidate.explains.items():
        gain += weights[index] * (log(1 - absent[index] * (1 - chance)) - logs[index])
    return gain


def _cover(candidates: Sequence[Candidate], symptoms: Sequence[Clue]) -> list[Candidate]:
    chosen: list[Candidate] = []
    barred: set[int] = set()
    bounds: dict[int, float] = {}
    hopeful = [c for c in candidates if c.explains and c.alone > 0]
    while True:
        # A second cause at the same object is a rival reading of it, not one more fault.
        taken = {c.object for c in chosen}
        rest = [c for c in hopeful if c.object not in taken and id(c) not in barred]
        best = _likeliest(rest, _left(chosen, symptoms), 0.0, bounds)
        if best is None:
            break
        chosen.append(best)
        # An earlier choice that the newer ones made needless goes, and does not come back: a
        # cover is to be irredundant.
        for early in chosen[:-1]:
            others = _left([c for c in chosen if c is not early], symptoms)
            if _gain(early, others) <= 0:
                chosen.remove(early)
                barred.add(id(early))
                bounds.clear()
    _exchange(chosen, candidates, symptoms, bounds)
    for candidate in chosen:
        left = _left([c for c in chosen if c is not candidate], symptoms)
        candidate.score = _gain(candidate, left)
    return chosen


def _likeliest(
    candidates: Iterable[Candidate], left: _Left, least: float, bounds: dict[int, float]
) -> Candidate | None:
    """Return the candidate that adds most to others, None if none adds more than `least`.

    What one adds never grows while causes are added, so what it added before bounds it: the search
    ends where no bound exceeds the best (Minoux, "Accelerated greedy algorithms", 1978).
    """
    best, top = None, least
    for candidate in sorted(candidates, key=lambda c: -bounds.get(id(c), c.alone)):
        if bounds.get(id(candidate), candidate.alone) <= top:
            break
        gain = bounds[id(candidate)] = _gain(candidate, left)
        if gain > top:
            best, top = candidate, gain
    return best


def _exchange(
    chosen: list[Candidate],
    candidates: Sequence[Candidate],
    symptoms: Sequence[Clue],
    bounds: Mapping[int, float],
) -> None:
    """Put a likelier rival in the place of an early choice that later ones made less likely.

    `bounds` are what candidates add to all that is chosen, at most.
    """
    if len(chosen) < 2:
        return
    hopeful = [c for c in candidates if c.alone > 0]
    for index, early in enumerate(chosen):
        rest = [c for c in chosen if c is not early]
        taken, held = {c.object for c in rest}, {id(c) for c in chosen}
        left = _left(rest, symptoms)
        own = _gain(early, left)
        cost = math.log(early.prior / (1 - early.prior))
        rivals = (
            c
            for c in hopeful
            if id(c) not in held
            and c.object not in taken
            and c.alone > own
            # What it adds beside the early choice is too little, even were that one then needless.
            and bounds.get(id(c), c.alone) > cost
            and not c.well.isdisjoint(early.well)
        )
        better = _likeliest(rivals, left, own, {})
        if better is not None:
            chosen[index] = better
            bounds = {}


def _confidence(
    candidate: Candidate,
    chosen: Sequence[Candidate],
    candidates: Sequence[Candidate],
    symptoms: Sequence[Clue],
) -> None:
    """Weigh a chosen cause against those that could explain the same symptoms in its place."""
    without = _left([c for c in chosen if c is not candidate], symptoms)
    own = _gain(candidate, without)
    rivals: list[tuple[Candidate, float]] = []
    held = {id(c) for c in chosen}
    for other in candidates:
        # One that is so much less likely, even with all of it left to explain, counts for nothing.
        if id(other) in held or other.alone < max(own, 0.0) - _NOTHING:
            continue
        if other.well.isdisjoint(candidate.well):
            continue
        rivals.append((other, _gain(other, without)))
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
    none = _left((), symptoms)
    values = {id(c): math.exp(min(_gain(c, none), 0.0)) for c in candidates if c.explains}
    total = 1 + sum(values.values())
    for candidate in candidates:
        candidate.confidence = values.get(id(candidate), 0.0) / total


def sureness(candidate: Candidate) -> float:
    """Return how sure a cause is, by its own evidence and against its rivals: what an answer shows."""
    return min(calibrated(candidate.strength), candidate.confidence)


def _mass(candidate: Candidate, weights: Sequence[float]) -> float:
    return sum(weights[i] * p for i, p in candidate.explains.items())


def _felt(case: Case, symptom: Clue) -> float:
    """Return how much of a symptom users feel: less of what is only logged, or where nobody calls."""
    place = symptom.place
    used = place.kind == "Service" or case.services_for(place) or case.depended_on(place)
    said = symptom.finding.code.startswith("log.") and symptom.toward is None
    return symptom.weight * (1.0 if used else UNFELT) * (UNFELT if said else 1.0)


def _support(candidate: Candidate, symptoms: Sequence[Clue]) -> float:
    missing = 1.0
    for index, chance in candidate.explains.items():
        missing *= 1 - symptoms[index].weight * chance
    return 1 - missing


def _relevant(case: Case, candidate: Candidate, wanted: set[ObjectRef]) -> bool:
    if not wanted:
        return True
    return any(wanted & set(case.topology.upstream(node)) for node in candidate.nodes)
