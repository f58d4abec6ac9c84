from __future__ import annotations

import pytest

from benchmarks.judge import agreement, judged
from eval.judge.labelled import FIELDS, labelled_set
from eval.judge.text import TextRubric, localization, overlap, scope, verdict
from eval.measures.agreement import cohens_kappa, kappa


def _pairs(counts: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    pairs = [pair for pair, number in counts.items() for _ in range(number)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_is_the_textbooks() -> None:
    # the worked example of Cohen's kappa with 50 grant proposals: observed 0.7, expected 0.5
    first, second = _pairs({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    # same agreement, other margins: 45, 15, 25, 15 of 100 and 25, 35, 5, 35
    first, second = _pairs({("y", "y"): 45, ("y", "n"): 15, ("n", "y"): 25, ("n", "n"): 15})
    assert cohens_kappa(first, second) == pytest.approx(0.1304, abs=1e-4)
    first, second = _pairs({("y", "y"): 25, ("y", "n"): 35, ("n", "y"): 5, ("n", "n"): 35})
    assert cohens_kappa(first, second) == pytest.approx(0.2593, abs=1e-4)


def test_the_interval_is_near_the_large_sample_one() -> None:
    # Fleiss, Cohen and Everitt (1969): for this table the standard error is 0.1279
    first, second = _pairs({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})
    found = kappa(first, second)
    assert found.low == pytest.approx(0.4 - 1.96 * 0.1279, abs=0.05)
    assert found.high == pytest.approx(0.4 + 1.96 * 0.1279, abs=0.05)


def test_the_two_labellings_agree_as_the_corpus_says() -> None:
    items = labelled_set()
    assert len(items) >= 120
    first, second = [item.first for item in items], [item.second for item in items]
    said = {"localization": 0.93, "mechanism": 0.98, "scope": 0.55, "verdict": 0.97}
    for field in FIELDS:
        assert agreement(first, second, field).kappa == pytest.approx(said[field], abs=0.006)


def test_the_rubric_agrees_with_people_beyond_chance() -> None:
    items = labelled_set()[:32]
    mine = judged(items)
    assert mine[:3] == judged(items[:3])
    for field in ("localization", "mechanism", "verdict"):
        assert agreement(mine, [item.first for item in items], field).low > 0


_CHAIN = ["Service/shop/cart", "Deployment/shop/cart", "Deployment/shop/web"]


def test_a_shared_name_needs_its_kind() -> None:
    assert localization(["Service/shop/cart"], _CHAIN, "Service cart has a wrong port") == 2
    assert localization(["Service/shop/cart"], _CHAIN, "cart is broken") == 1
    assert localization(["Service/shop/cart"], _CHAIN, "web is broken") == 1
    assert localization(["Service/shop/cart"], _CHAIN, "cart-db is broken") == 0
    assert localization(["ResourceQuota/dev/x"], ["ResourceQuota/dev/x"], "the quota is full") == 2


def test_the_scope_is_the_end_of_the_chain() -> None:
    truth = ["Service/shop/cart"]
    assert scope(truth, _CHAIN, "web fails") == 2
    assert scope(truth, _CHAIN, "cart fails") == 1
    assert scope(truth, _CHAIN, "all is well") == 0


def test_the_verdict_follows_from_the_fields() -> None:
    said = {
        (2, 2): "correct",
        (2, 0): "partial",
        (1, 1): "partial",
        (1, 0): "wrong",
        (0, 2): "wrong",
    }
    assert {key: verdict(*key) for key in said} == said
    assert overlap("the port is wrong", "ports were wrong") == 1.0
    rubric = TextRubric()
    truth = {"objects": ["Service/shop/cart"], "chain": _CHAIN, "cause": "a wrong port"}
    assert rubric.judge(truth, "The result is inconclusive.").verdict == "abstained"
