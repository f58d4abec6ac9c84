"""Several runs of one problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean


def pass_at_k(number: int, right: int, k: int) -> float:
    """The chance that one of `k` runs drawn from `number` succeeds: 1 − C(n−c,k)/C(n,k).

    Unbiased (Chen et al., arXiv 2107.03374; ITBench uses it too). Raises `ValueError` for k > n.
    """
    if not 0 < k <= number or not 0 <= right <= number:
        raise ValueError(f"pass@{k} of {right} right among {number} runs")
    return 1 - math.comb(number - right, k) / math.comb(number, k)


def mean_pass_at_k(runs: Sequence[Sequence[bool]], k: int) -> float | None:
    """The mean over problems, each with its runs; None when a problem has fewer than `k`."""
    if not runs or any(len(each) < k for each in runs):
        return None
    return fmean(pass_at_k(len(each), sum(each), k) for each in runs)
