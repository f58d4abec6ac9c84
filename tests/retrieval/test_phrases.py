from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.indexes.phrases import PhraseIndex

TEXTS = [
    ["certificate", "expires", "soon"],
    ["expires", "the", "token", "certificate"],
    ["disk", "is", "full"],
    [],
    ["certificate", "expires", "certificate", "expires"],
]


def test_only_what_stands_together_counts() -> None:
    scores = PhraseIndex.build(TEXTS).scores(["certificate", "expires"])
    assert scores[0] > 0 and scores[4] > scores[0]
    assert scores[1] == scores[2] == scores[3] == 0
    assert not PhraseIndex.build(TEXTS).scores(["certificate"]).any()
    assert not PhraseIndex.build([]).scores(["a", "b"]).size


@given(st.lists(st.lists(st.sampled_from("abcdefg"), max_size=12), max_size=8))
def test_a_text_is_found_by_each_of_its_pairs(texts: list[list[str]]) -> None:
    index = PhraseIndex.build(texts)
    for number, text in enumerate(texts):
        for at in range(len(text) - 1):
            assert index.scores(text[at : at + 2])[number] > 0


def test_kept_and_read_again(tmp_path: Path) -> None:
    index = PhraseIndex.build(TEXTS)
    index.save(tmp_path)
    again = PhraseIndex.load(tmp_path, len(TEXTS))
    assert again is not None
    query = ["the", "token", "certificate", "expires"]
    assert np.array_equal(again.scores(query), index.scores(query))


def test_damaged_files_are_left_aside(tmp_path: Path) -> None:
    assert PhraseIndex.load(tmp_path, 3) is None
    PhraseIndex.build(TEXTS).save(tmp_path)
    assert PhraseIndex.load(tmp_path, 2) is None
    file = tmp_path / "pairs-values.npy"
    file.write_bytes(file.read_bytes()[:-8])
    assert PhraseIndex.load(tmp_path, len(TEXTS)) is None
