"""Methods that look at time series alone: MKSMC, RMLAD, PDiagnose and BARO, each in its core idea.

Each scores every (service, metric) and ranks services by their highest score. Thresholds for
"something is wrong" are those of the methods where they have one, else five robust deviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from eval.bench.series import Series

Array = npt.NDArray[np.float64]
_SECONDS = 900.0
_LEAST = 8


def mksmc(series: Series, *, seed: int = 0) -> list[str]:
    """Detect by a Markov-chain sample of the healthy state (Wang et al., MKSMC, 2022), reduced.

    The healthy distribution of all metrics together is sampled by Metropolis steps; the present
    is anomalous when fewer than 1 % of the samples are as unlikely. It names no place by itself:
    services are ranked by their share in the distance.
    """
    names, before, after = _matrix(series)
    if not names:
        return []
    middle, spread = before.mean(axis=0), before.std(axis=0) + 1e-9
    random = np.random.default_rng(seed)
    state, samples = np.zeros(len(names)), []
    for _ in range(2000):
        step = state + random.normal(0, 0.5, len(names))
        if np.log(random.random()) < 0.5 * (state @ state - step @ step):
            state = step
        samples.append(state @ state)
    now = (after[-3:].mean(axis=0) - middle) / spread
    if (np.array(samples[500:]) >= now @ now).mean() >= 0.01:
        return []
    return _ranked(dict(zip(names, now**2, strict=True)))


def rmlad(series: Series) -> list[str]:
    """Detect by what each metric predicts of the others (RMLAD, 2021), reduced to a ridge regression.

    A residual of more than three deviations of its own training residual is an anomaly.
    """
    names, before, after = _matrix(series)
    if len(names) < 2:
        return []
    middle, spread = before.mean(axis=0), before.std(axis=0) + 1e-9
    old, new = (before - middle) / spread, (after - middle) / spread
    scores = {}
    for index, name in enumerate(names):
        rest = [i for i in range(len(names)) if i != index]
        x, y = old[:, rest], old[:, index]
        weights = np.linalg.solve(x.T @ x + 1.0 * np.eye(len(rest)), x.T @ y)
        error = np.abs(y - x @ weights).std() + 0.1
        scores[name] = float(np.abs(new[-3:, index] - new[-3:, rest] @ weights).mean() / error)
    return _ranked({name: score for name, score in scores.items() if score > 3})


def pdiagnose(series: Series) -> list[str]:
    """Vote by kernel density and weighted moving averages (Hou et al., PDiagnose, 2021), its metric part."""
    votes: dict[tuple[str, str], float] = {}
    for name, (before, after) in _split(series).items():
        width = max(1.06 * before.std() * len(before) ** -0.2, 1e-6)
        density = np.exp(-0.5 * ((after[-3:, None] - before[None, :]) / width) ** 2).mean(axis=1)
        weights = np.arange(1, len(before) + 1)
        average = float((before * weights).sum() / weights.sum())
        moved = abs(after[-3:].mean() - average) > 0.5 * abs(average) + 3 * before.std()
        if (density < 0.01).all() and moved:
            votes[name] = 1 + float(abs(after[-3:].mean() - average) / (before.std() + 1e-6))
    services: dict[str, float] = {}
    for (service, _), _score in votes.items():
        services[service] = services.get(service, 0.0) + 1
    return sorted(services, key=lambda s: -services[s])


def baro(series: Series) -> list[str]:
    """Rank by the robust scorer of BARO (Pham et al., FSE 2024): median and IQR before the change.

    Its change point is the window's start here, as the page comes with one.
    """
    scores = {}
    for name, (before, after) in _split(series).items():
        low, high = np.percentile(before, [25, 75])
        scale = max(float(high - low), 0.05 * abs(float(np.median(before))), 1e-6)
        scores[name] = float(np.abs(after - np.median(before)).max() / scale)
    ranked = _ranked(scores)
    return ranked if scores and max(scores.values()) > 20 else []


METHODS = {"MKSMC": mksmc, "RMLAD": rmlad, "PDiagnose": pdiagnose, "BARO": baro}
"""The methods by name."""


def _ranked(scores: Mapping[tuple[str, str], float]) -> list[str]:
    services: dict[str, float] = {}
    for (service, _), score in scores.items():
        services[service] = max(services.get(service, 0.0), float(score))
    return sorted(services, key=lambda s: -services[s])


def _split(series: Series) -> dict[tuple[str, str], tuple[Array, Array]]:
    """Each series before and within the window, which is the last quarter of an hour."""
    end = max((points[-1][0] for points in series.values() if points), default=0.0)
    found = {}
    for name, points in series.items():
        before = np.array([v for t, v in points if t < end - _SECONDS and v == v])
        after = np.array([v for t, v in points if t >= end - _SECONDS and v == v])
        if len(before) >= _LEAST and len(after) >= 3:
            found[name] = (before, after)
    return found


def _matrix(series: Series) -> tuple[list[tuple[str, str]], Array, Array]:
    parts = _split(series)
    names: Sequence[tuple[str, str]] = sorted(parts)
    if not names:
        return [], np.zeros((0, 0)), np.zeros((0, 0))
    rows = min(len(parts[n][0]) for n in names)
    later = min(len(parts[n][1]) for n in names)
    before = np.stack([parts[n][0][-rows:] for n in names], axis=1)
    after = np.stack([parts[n][1][-later:] for n in names], axis=1)
    return list(names), before, after
