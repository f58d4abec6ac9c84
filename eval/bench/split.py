"""Which apps and kinds of faults the engine may be developed on, and which are held out.

Decided before the engine saw any of them, by a hash of the names, so that nothing about a kind
could have had a part in it, and so that a kind added later falls on its side by itself. The
held-out half is run by `--table held` alone, and every such run is written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from eval.apps.loader import load_app
from eval.faults.registry import FAULTS, targets

SEED = 20
DEVELOPMENT_APPS = ("hotel_reservation", "social_network", "astronomy_shop")
HELD_APPS = ("train_ticket", "flower")
SEEDS = (11, 12, 13, 14, 15)
"""Of the development tables."""

HELD_SEEDS = (101, 102, 103, 104, 105)
"""Of the held-out table: other traffic, other noise, other made-up names."""

TARGETS = 3
"""At most so many targets of one kind on one app."""

Side = Literal["dev", "held"]


@dataclass(frozen=True, slots=True)
class Item:
    """One run: a kind of fault on a target of an app with a seed. A healthy run has no kind."""

    app: str
    kind: str
    target: str
    seed: int

    @property
    def name(self) -> str:
        """What names the run in a file of results."""
        return "/".join((self.app, self.kind or "healthy", self.target, str(self.seed)))


def side(kind: str) -> Side:
    """Return the half that a kind of fault falls in."""
    digest = hashlib.sha256(f"{SEED}:{kind}".encode()).digest()
    return "dev" if digest[0] % 2 == 0 else "held"


def kinds(half: Side) -> tuple[str, ...]:
    """Return all kinds of a half."""
    return tuple(kind for kind in FAULTS if side(kind) == half)


def faulty(half: Side, seeds: Sequence[int], on: Side | None = None) -> list[Item]:
    """Return the faulty runs of a half's kinds, on the same half's apps if not on the other's.

    Held out are the other kinds on the other apps, so that neither the app nor the kind was ever
    seen; one half's kinds `on` the other's apps tell what of a difference is due to which. Ordered
    so that any beginning of the list has as many different kinds, then apps, then targets as it can.
    """
    apps = DEVELOPMENT_APPS if (on or half) == "dev" else HELD_APPS
    rounds: list[list[Item]] = []
    for seed in seeds:
        for position in range(TARGETS):
            for turn in range(len(apps)):
                rounds.append(_round(half, apps, turn, position, seed))
    return list(dict.fromkeys(item for found in rounds for item in found))


def healthy(half: Side, number: int, seeds: Sequence[int]) -> list[Item]:
    """Return `number` runs without a fault, on the same apps, each with its own seed."""
    apps = DEVELOPMENT_APPS if half == "dev" else HELD_APPS
    first = min(seeds) * 1000
    return [Item(apps[n % len(apps)], "", "", first + n) for n in range(number)]


def _round(half: Side, apps: Sequence[str], turn: int, position: int, seed: int) -> list[Item]:
    """One target of each kind, the kinds spread over the apps."""
    found: list[Item] = []
    for number, kind in enumerate(kinds(half)):
        app = apps[(number + turn) % len(apps)]
        fitting = _spread(_fitting(kind, app), f"{seed}:{kind}:{app}")
        if position < len(fitting):
            found.append(Item(app, kind, fitting[position], seed))
    return found


_app = cache(load_app)


@cache
def _fitting(kind: str, app: str) -> list[str]:
    return targets(kind, _app(app))


def _spread(names: Sequence[str], salt: str) -> list[str]:
    """The targets in an order that the seed shuffles."""
    return sorted(names, key=lambda n: hashlib.sha256(f"{salt}:{n}".encode()).digest())
