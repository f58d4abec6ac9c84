"""A classifier that sees only names, labels and annotations cannot tell which twin is faulty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from eval.apps.loader import load_app
from eval.apps.model import App
from eval.environments.emulator.environment import Emulator
from eval.faults.case import Case
from eval.faults.noise import make_noise
from eval.faults.registry import FAULTS, targets
from tests.eval.faults.own_fields import own_words, texts_of, words
from tests.eval.faults.rounds import Snapshot, snapshot

APP = "hotel_reservation"
_NO_USERS = 0.01
"""Requests a second: what users do is in no name, label or annotation."""
_RESAMPLES = 2000


@dataclass(frozen=True)
class Pair:
    """The words of a healthy and of a faulty twin; `own` are the fault's."""

    healthy: set[str]
    faulty: set[str]
    own: set[str]


def _scores(pairs: list[tuple[set[str], set[str]]]) -> np.ndarray:
    """Bernoulli naive Bayes on each pair, taught by all others: the share of its two documents that
    it gets right; where it cannot decide, half."""
    vocabulary = sorted({word for pair in pairs for words_ in pair for word in words_})
    seen = np.array(
        [[[word in words_ for word in vocabulary] for words_ in pair] for pair in pairs],
        dtype=float,
    )
    sums = seen.sum(axis=0)
    scores = np.zeros(len(pairs))
    for index, documents in enumerate(seen):
        p = (sums - documents + 1) / (len(pairs) - 1 + 2)
        weight = np.log(p[1]) - np.log(p[0])
        absent = np.log(1 - p[1]) - np.log(1 - p[0])
        said = documents @ weight + (1 - documents) @ absent
        guess = np.where(np.abs(said) < 1e-9, 0.5, said > 0)
        scores[index] = ((1 - guess[0]) + guess[1]) / 2
    return scores


def _accuracy(pairs: list[tuple[set[str], set[str]]]) -> tuple[float, float, float]:
    """The accuracy, and its 95 % interval by bootstrap over the pairs, which are what is independent."""
    scores = _scores(pairs)
    drawn = np.random.default_rng(0).integers(0, len(scores), (_RESAMPLES, len(scores)))
    low, high = np.quantile(scores[drawn].mean(axis=1), [0.025, 0.975])
    return float(scores.mean()), float(low), float(high)


def test_the_classifier_finds_a_leak_when_there_is_one() -> None:
    pairs = [({"web", f"a{chr(97 + i)}"}, {"web", "chaosmesh"}) for i in range(20)]
    assert _accuracy(pairs) == (1.0, 1.0, 1.0)


def test_the_interval_holds_chance_when_there_is_no_leak() -> None:
    held = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        documents = [{chr(97 + n) for n in random.integers(0, 20, 8)} for _ in range(160)]
        accuracy, low, high = _accuracy(list(zip(documents[::2], documents[1::2], strict=True)))
        held.append(low <= 0.5 <= high)
        assert low < accuracy < high < low + 0.3
    assert sum(held) >= 8


async def _twin(app: App, seed: int, noise: int, kind: str = "", target: str = "") -> Snapshot:
    environment = await Emulator.start(app, seed=seed, warmup_seconds=30, rate=_NO_USERS)
    try:
        await make_noise(environment, app, seed=noise)
        if kind:
            await FAULTS[kind](app, seed).inject(environment, target)
        await environment.clock.sleep(90)
        return await snapshot(environment)
    finally:
        await environment.close()


def _words(objects: Snapshot) -> set[str]:
    return words(
        text for (kind, _), item in objects.items() if kind != "Event" for text in texts_of(item)
    )


async def _pair(app: App, kind: str, target: str, seed: int) -> Pair:
    """Both twins are as messy as real clusters: each has its own seeded noise."""
    healthy = await _twin(app, seed, 2 * seed)
    faulty = await _twin(app, seed, 2 * seed + 1, kind, target)
    changes = FAULTS[kind].changes(Case(app, target, seed))
    return Pair(_words(healthy), _words(faulty), own_words(changes, healthy))


@pytest.mark.matrix
async def test_names_labels_and_annotations_tell_no_better_than_chance() -> None:
    app = load_app(APP)
    pairs = [
        await _pair(app, kind, target, seed)
        for seed, kind in enumerate(FAULTS)
        for target in targets(kind, app)[:1]
    ]
    whole = _accuracy([(pair.healthy, pair.faulty) for pair in pairs])
    accuracy, low, high = _accuracy([(p.healthy - p.own, p.faulty - p.own) for p in pairs])
    print(
        f"leak classifier, {len(pairs)} kinds on {APP}: accuracy {accuracy:.3f} "
        f"(95 % interval {low:.3f} to {high:.3f}; chance 0.5); with the faults' own words left in "
        f"{whole[0]:.3f} ({whole[1]:.3f} to {whole[2]:.3f})"
    )
    assert low <= 0.5
