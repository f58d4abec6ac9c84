"""ITBench's normalised topology-aware measure (arXiv 2502.05352), with our parameters.

How near in the topology the named entities are to those of the true propagation chain, where the
root cause weighs most, less a penalty for naming too many or too few. 1 is the chain itself. The
paper leaves the hyper-parameters free; ours are the arguments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence


def ntam(
    named: Sequence[str],
    chain: Sequence[str],
    edges: Mapping[str, Sequence[str]],
    *,
    decay: float = 0.5,
    reach: int = 3,
    length_weight: float = 0.2,
) -> float:
    """Score `named` entities against the true `chain`, its root cause first, from 0 to 1.

    `edges` are the topology's, taken in both directions. The i-th true entity weighs `decay`**i; one
    that is named `d` hops away counts 1 − d/(reach+1). Naming another number than the chain's costs
    `length_weight` times the relative difference. Raises `ValueError` for an empty chain.
    """
    if not chain:
        raise ValueError("the true chain is empty")
    if not named:
        return 0.0
    near = _both_ways(edges)
    weights = [decay**i for i in range(len(chain))]
    score = 0.0
    for weight, entity in zip(weights, chain, strict=True):
        hops = _hops(entity, set(named), near, reach)
        if hops is not None:
            score += weight * (1 - hops / (reach + 1))
    longest = max(len(named), len(chain))
    penalty = length_weight * abs(len(named) - len(chain)) / longest
    return max(0.0, score / sum(weights) - penalty)


def chain_score(named: Sequence[tuple[str, str]], true: Sequence[tuple[str, str]]) -> float:
    """F1 of the links (source, target) of a propagation chain; 1 when both are empty."""
    if not named and not true:
        return 1.0
    hits = len(set(named) & set(true))
    return 2 * hits / (len(set(named)) + len(set(true)))


def _both_ways(edges: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {}
    for one, others in edges.items():
        for other in others:
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
    return near


def _hops(start: str, wanted: set[str], near: Mapping[str, set[str]], reach: int) -> int | None:
    queue, seen = deque([(start, 0)]), {start}
    while queue:
        place, hops = queue.popleft()
        if place in wanted:
            return hops
        if hops < reach:
            for other in near.get(place, ()):
                if other not in seen:
                    seen.add(other)
                    queue.append((other, hops + 1))
    return None
