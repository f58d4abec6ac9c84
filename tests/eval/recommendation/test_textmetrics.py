from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.model.errors import ConfigError
from eval.recommendation import textmetrics
from eval.recommendation.textmetrics import METRICS, TITLES, TextMetrics, token_f1
from eval.recommendation.vectors import cosine
from retrieval.embedding.minilm import MiniLM


def test_bleu_is_sacrebleus_published_example() -> None:
    # sacrebleu's README, "Using SacreBLEU from Python"
    from sacrebleu.metrics import BLEU

    references = [
        ["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
        ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
    ]
    system = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    assert round(BLEU().corpus_score(system, references).score, 2) == 48.53
    # 6 of 6 words, 4 of 5 pairs, 2 of 4 triples, 1 of 3 quadruples; one word shorter
    by_hand = (1 * 4 / 5 * 2 / 4 * 1 / 3) ** 0.25 * np.exp(1 - 7 / 6)
    found = textmetrics.bleu4("The dog bit the man.", "The dog had bit the man.")
    assert found == pytest.approx(by_hand)


def test_rouge_is_rouge_scores_published_example() -> None:
    # rouge-score's README; Porter stems, F of precision 0.625 and recall 0.5556
    found = textmetrics.rouge_l(
        "The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog"
    )
    assert found == pytest.approx(0.5882352941176471)


def test_meteor_is_nltks_published_example() -> None:
    # nltk.translate.meteor_score's documentation: 0.6944, of exact and stem matches alone
    hypothesis = "It is a guide to action which ensures that the military always obeys the commands of the party"
    reference = (
        "It is a guide to action that ensures that the military will forever heed Party commands"
    )
    assert round(textmetrics.meteor(hypothesis, reference), 4) == 0.6944
    assert textmetrics.meteor("non matching hypothesis", "this is a cat") == 0.0
    assert textmetrics.meteor("", "this") == 0.0
    # a stem counts, a synonym does not
    assert textmetrics.meteor("restarted", "restarting") > 0
    assert textmetrics.meteor("car", "automobile") == 0.0


def test_bertscores_formula_by_hand() -> None:
    candidate = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    reference = np.array([[0, 1], [1, 0], [-1, 0]], dtype=np.float32)
    # best of each candidate: 1 and 0.8; best of each reference: 0.8, 1 and -0.6
    precision, recall = 1.8 / 2, 1.2 / 3
    assert token_f1(candidate, reference) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )
    assert token_f1(candidate[:0], reference) == 0.0


def test_token_vectors_average_to_the_embedding() -> None:
    metrics = TextMetrics()
    text = "The readiness probe asks the wrong port."
    mine = metrics._vectors.of(text)
    assert cosine(mine.whole, MiniLM().embed([text])[0]) == pytest.approx(1, abs=1e-4)
    assert np.allclose(np.linalg.norm(mine.tokens, axis=1), 1, atol=1e-4)


def test_the_truth_itself_scores_best() -> None:
    metrics = TextMetrics()
    truth = "A stale DNS record sent the traffic to a removed node."
    same = metrics.score(truth, truth)
    near = metrics.score("An old DNS entry pointed to a node that was gone.", truth)
    far = metrics.score("The invoice job ran twice.", truth)
    assert set(same) == set(METRICS) == set(TITLES)
    assert same["bleu4"] == pytest.approx(1)
    assert (same["rouge_l"], same["token_f1"]) == pytest.approx((1, 1), abs=1e-5)
    for metric in ("token_f1", "embedding"):
        assert same[metric] > near[metric] > far[metric]


@settings(max_examples=15)
@given(st.text(max_size=40), st.text(max_size=40))
def test_every_text_gets_a_score(candidate: str, reference: str) -> None:
    for metric in (textmetrics.bleu4, textmetrics.rouge_l, textmetrics.meteor):
        assert 0 <= metric(candidate, reference) <= 1 + 1e-9


def test_a_missing_library_names_the_extra() -> None:
    with pytest.raises(ConfigError, match="no-such-thing") as caught:
        textmetrics._module("no_such_thing_at_all", "no-such-thing")
    assert "incident-copilot[eval]" in caught.value.hint
