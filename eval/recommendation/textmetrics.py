"""How near a text is to the truth: BLEU-4, ROUGE-L, METEOR, and two by the embedded model. All 0 to 1.

The first three are their libraries'; METEOR is without its synonym stage (exact words, then stems),
since no WordNet comes with the library. `token_f1` is BERTScore's formula over the token vectors of
all-MiniLM-L6-v2 (int8), without idf weights and without rescaling. None of the last three can be
compared with numbers of papers that use WordNet or another model.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from copilot.model.errors import ConfigError
from eval.recommendation.vectors import TokenVectors, cosine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METRICS = ("bleu4", "rouge_l", "meteor", "token_f1", "embedding")
TITLES = {
    "bleu4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR, no synonyms",
    "token_f1": "BERTScore formula, MiniLM",
    "embedding": "embedding similarity",
}
_WORD = re.compile(r"\w+")


class _NoSynonyms:
    """Stands where METEOR asks WordNet."""

    def synsets(self, word: str) -> list[Any]:
        return []


def bleu4(candidate: str, reference: str) -> float:
    """Return sacrebleu's sentence BLEU-4 (13a tokens, exponential smoothing, effective order)."""
    found: float = _bleu().sentence_score(candidate, [reference]).score / 100
    return found


def rouge_l(candidate: str, reference: str) -> float:
    """Return rouge-score's ROUGE-L F-measure, with stems."""
    found: float = _rouge().score(reference, candidate)["rougeL"].fmeasure
    return found


def meteor(candidate: str, reference: str) -> float:
    """Return nltk's METEOR over lower-case words: exact matches, then stems; no synonyms."""
    words = [_WORD.findall(text.lower()) for text in (reference, candidate)]
    if not all(words):
        return 0.0
    return float(_meteor()(*words, wordnet=_NoSynonyms()))


def token_f1(candidate: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the F of BERTScore (Zhang et al., ICLR 2020, section 3) over rows of length one.

    Each token is matched with its nearest of the other side; P and R are the means.
    """
    if not len(candidate) or not len(reference):
        return 0.0
    similar = candidate @ reference.T
    precision, recall = float(similar.max(axis=1).mean()), float(similar.max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


class TextMetrics:
    """All metrics at once; vectors are made once for each text. Raises `ConfigError` without the extra."""

    def __init__(self) -> None:
        _bleu(), _rouge(), _meteor()
        self._vectors = TokenVectors()

    def score(self, candidate: str, reference: str) -> dict[str, float]:
        """Return every metric of `METRICS`."""
        mine, right = self._vectors.of(candidate), self._vectors.of(reference)
        return {
            "bleu4": bleu4(candidate, reference),
            "rouge_l": rouge_l(candidate, reference),
            "meteor": meteor(candidate, reference),
            "token_f1": token_f1(mine.tokens, right.tokens),
            "embedding": cosine(mine.whole, right.whole),
        }


@lru_cache(maxsize=1)
def _bleu() -> Any:
    return _module("sacrebleu.metrics.bleu", "sacrebleu").BLEU(effective_order=True)


@lru_cache(maxsize=1)
def _rouge() -> Any:
    module = _module("rouge_score.rouge_scorer", "rouge-score")
    return module.RougeScorer(["rougeL"], use_stemmer=True)


@lru_cache(maxsize=1)
def _meteor() -> Any:
    return _module("nltk.translate.meteor_score", "nltk").single_meteor_score


def _module(name: str, package: str) -> Any:
    """Import what the extra brings. Raises `ConfigError` without it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the text metrics need {package}", hint='pip install "incident-copilot[eval]"'
        ) from error
