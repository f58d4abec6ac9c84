"""Asks recommenders about each incident, as of its own time, and averages what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean

from eval.recommendation.incidents import Incident, Rating
from eval.recommendation.protocol import Answer, Asked, Recommender
from eval.recommendation.textmetrics import METRICS

TOP = 5
TARGETS = ("root_cause", "mitigation")
FRESH = (0, 7, 30, 90)
"""Ages of the index in days: what happened in the last so many days is not in it."""

Score = Callable[[str, str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Graded:
    """One answer to one incident. `first` and `best` hold each metric of the first line and of the
    best of five; an answer without a line scores 0. `recurred` is whether an earlier incident with the
    same cause stands behind the causes, None where there is none."""

    id: str
    recommender: str
    reporter: str
    target: str
    stale: int
    lines: tuple[str, ...]
    first: Mapping[str, float]
    best: Mapping[str, float]
    recurred: bool | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: means over `number` incidents. `recurred` is a share, None for none."""

    recommender: str
    target: str
    split: str
    number: int
    first: dict[str, float]
    best: dict[str, float]
    recurred: float | None
    failures: int
    rating: float | None = None
    good: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to evaluate. `since`: incidents from then on are asked about; all are in the index."""

    incidents: Sequence[Incident]
    recurrences: Mapping[str, frozenset[str]] = field(default_factory=dict)
    since: datetime | None = None
    stale: Sequence[int] = FRESH
    limit: int = 0


async def evaluate(
    wanted: Wanted,
    recommenders: Iterable[Recommender],
    score: Score,
    tell: Callable[[int, int], None] = lambda done, number: None,
) -> list[Graded]:
    """Grade every recommender on every incident, with each age of the index."""
    asked = [one for one in wanted.incidents if wanted.since is None or one.date >= wanted.since]
    asked = asked[: wanted.limit or None]
    every = list(recommenders)
    found: list[Graded] = []
    number, done = len(asked) * len(every) * len(wanted.stale), 0
    for recommender in every:
        for days in wanted.stale:
            for incident in asked:
                until = incident.date - timedelta(days=days)
                known = [one for one in wanted.incidents if one.date < until]
                answer = await recommender.recommend(Asked.of(incident), known)
                earlier = wanted.recurrences.get(incident.id, frozenset())
                met = earlier & {one.id for one in known}
                found += _graded(recommender.name, incident, days, answer, met, score)
                done += 1
                tell(done, number)
    return found


def _graded(
    name: str, incident: Incident, days: int, answer: Answer, met: frozenset[str], score: Score
) -> list[Graded]:
    rows = []
    for target, lines, truth in (
        ("root_cause", answer.causes, incident.root_cause),
        ("mitigation", answer.mitigations, incident.mitigation),
    ):
        scores = [score(line, truth) for line in lines[:TOP]] or [dict.fromkeys(METRICS, 0.0)]
        recurred = None
        if met and target == "root_cause":
            recurred = bool(met & set(answer.sources[:TOP]))
        rows.append(
            Graded(
                incident.id,
                name,
                incident.reporter,
                target,
                days,
                lines[:TOP],
                scores[0],
                {metric: max(one[metric] for one in scores) for metric in METRICS},
                recurred,
                answer.failure,
            )
        )
    return rows


def table(graded: Sequence[Graded], ratings: Sequence[Rating] = ()) -> list[Line]:
    """Average by recommender and target: all, by reporter, and by the index's age.

    "all", "machine" and "customer" are with the freshest index that was tried.
    """
    lines = []
    freshest = min((one.stale for one in graded), default=0)
    for name in dict.fromkeys(one.recommender for one in graded):
        for target in TARGETS:
            mine = [g for g in graded if (g.recommender, g.target) == (name, target)]
            fresh = [one for one in mine if one.stale == freshest]
            splits = {"all": fresh}
            for reporter in ("machine", "customer"):
                splits[reporter] = [one for one in fresh if one.reporter == reporter]
            for days in sorted({one.stale for one in mine} - {freshest}):
                splits[f"index {days} days old"] = [one for one in mine if one.stale == days]
            lines += [_line(name, target, s, part, ratings) for s, part in splits.items() if part]
    return lines


def _line(
    name: str, target: str, split: str, part: Sequence[Graded], ratings: Sequence[Rating]
) -> Line:
    ids = {one.id for one in part}
    given: list[int] = []
    if not split.startswith("index"):
        # People rated the lines of the fresh index.
        given = [
            rating.rating
            for rating in ratings
            if (rating.recommender, rating.target) == (name, target) and rating.id in ids
        ]
    recurred = [one.recurred for one in part if one.recurred is not None]
    return Line(
        name,
        target,
        split,
        len(part),
        {metric: fmean(one.first[metric] for one in part) for metric in METRICS},
        {metric: fmean(one.best[metric] for one in part) for metric in METRICS},
        fmean(recurred) if recurred else None,
        sum(bool(one.failure) for one in part),
        fmean(given) if given else None,
        fmean(rating >= 3 for rating in given) if given else None,
    )
