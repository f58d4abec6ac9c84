"""Two faults at once: pairs of the development kinds on two services of one app."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from functools import cache

from eval.apps.loader import load_app
from eval.bench.split import DEVELOPMENT_APPS, Item, kinds
from eval.faults.registry import targets

JOINED = "+"
_WHOLE_APP = frozenset(
    {
        "nodes_tainted", "redeploy_over_old_volumes", "quota_memory", "limit_range_small_default",
        "pod_security_restricted", "wrong_image_correlated", "two_unrelated_faults", "container_stopped",
        "flag_flood", "autoscaler_at_limit", "autoscaler_without_request",
    }
)  # fmt: skip
"""Kinds that are about more than one service, or that harm nobody: no second one can be told beside them."""


def items(number: int, seeds: Sequence[int]) -> list[Item]:
    """Return `number` pairs, the same each time: kinds, then targets, by a hash of the names.

    The entry is left out: behind an entry that is down, no other fault of the app can be seen.
    """
    found: list[Item] = []
    single = [kind for kind in kinds("dev") if kind not in _WHOLE_APP]
    for round_, (seed, app) in enumerate(itertools.product(seeds, DEVELOPMENT_APPS)):
        ordered = sorted(single, key=lambda k: _digest(f"{seed}:{app}:{k}"))
        for one, other in zip(ordered[::2], ordered[1::2], strict=False):
            places = [_pick(one, app, seed, ()), ""]
            places[1] = _pick(other, app, seed, (places[0],))
            if all(places):
                name = (JOINED.join((one, other)), JOINED.join(places))
                found.append(Item(app, *name, seed + 300 + round_))
    found.sort(key=lambda i: _digest(i.name))
    return found[:number]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


_app = cache(load_app)


@cache
def _pick(kind: str, app: str, seed: int, besides: tuple[str, ...]) -> str:
    loaded = _app(app)
    fitting = [t for t in targets(kind, loaded) if t not in besides and t != loaded.entry]
    return min(fitting, key=lambda t: _digest(f"{seed}:{kind}:{t}"), default="")


def parts(item: Item) -> list[tuple[str, str]]:
    """Return the kinds of an item with their targets: one, or two."""
    return list(zip(item.kind.split(JOINED), item.target.split(JOINED), strict=True))
