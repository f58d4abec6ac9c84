"""What people thought of answers: the ratings of the feedback store, by the model that answered."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.sessions.ledger import AnswerLedger
from copilot.sessions.ratings import Rating, Ratings

Table = tuple[list[str], list[list[str]]]
WITHOUT = "without a model"


def by_model(ledger: AnswerLedger) -> dict[str, Ratings]:
    """Return all ratings by the model whose answer was rated; `WITHOUT` for the engine's own."""
    models = {(one.session, one.turn): one.booking.model for one in ledger.answered()}
    found: dict[str, list[Rating]] = {}
    for rating in ledger.ratings().given:
        model = models.get((rating.session, rating.turn), "")
        found.setdefault(model or WITHOUT, []).append(rating)
    return {model: Ratings(tuple(given)) for model, given in sorted(found.items())}


def people_table(found: dict[str, Ratings]) -> Table:
    """The ratings of each model: how many, of how many people, their mean, and the share ≥ 3."""
    header = ["answered by", "ratings", "people", "mean of 5", "share ≥ 3"]
    body = [[model, *_cells(ratings)] for model, ratings in found.items()]
    if len(found) > 1:
        every = Ratings(tuple(rating for ratings in found.values() for rating in ratings.given))
        body.append(["all", *_cells(every)])
    return header, body


def _cells(ratings: Ratings) -> Sequence[str]:
    people = len({rating.user for rating in ratings.given})
    mean = "–" if ratings.mean is None else f"{ratings.mean:.2f}"
    share = "–" if ratings.useful_share is None else f"{ratings.useful_share:.0%}"
    return str(len(ratings.given)), str(people), mean, share
