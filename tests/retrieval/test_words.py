from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.indexes.lexical import LexicalIndex
from retrieval.indexes.words import terms

TEXTS = [
    "KubePodCrashLooping fires for the rate service",
    "the pod is crash looping",
    "x509: certificate signed by unknown authority in db-secret.yaml",
    "",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KubePodCrashLooping", ["kubepodcrashlooping", "kube", "pod", "crash", "loop"]),
        ("OOMKilled", ["oomkilled", "oom", "kill"]),
        ("http_requests_total", ["http_requests_total", "http", "request", "total"]),
        ("the pods are failing", ["pod", "fail"]),
        ("mongodb-rate:27017", ["mongodb-rate:27017", "mongodb", "rate", "27017"]),
        ("Prüfung läuft", None),
        ("... --- !!", []),
    ],
)
def test_terms(text: str, expected: list[str] | None) -> None:
    if expected is None:
        assert terms(text)
    else:
        assert terms(text) == expected


def test_identifiers_match_whole_and_in_parts() -> None:
    index = LexicalIndex.build(TEXTS)
    assert int(np.argmax(index.scores("KubePodCrashLooping"))) == 0
    assert index.scores("crash loops")[:2].min() > 0
    assert int(np.argmax(index.scores("DB-Secret.yaml"))) == 2
    assert index.scores("").tolist() == [0, 0, 0, 0]
    assert index.scores("nothing-like-it").tolist() == [0, 0, 0, 0]


def test_threads_get_the_same_terms() -> None:
    text = " ".join(TEXTS) * 50
    with ThreadPoolExecutor(4) as pool:
        assert len({tuple(found) for found in pool.map(terms, [text] * 20)}) == 1


def test_saved_index_is_loaded_for_the_same_texts_only(tmp_path: Path) -> None:
    folder = tmp_path / "lexical"
    index = LexicalIndex.build(TEXTS)
    index.save(folder, "one")
    index.save(folder, "one")
    loaded = LexicalIndex.load(folder, "one")
    assert loaded is not None
    assert np.allclose(loaded.scores("crash loop"), index.scores("crash loop"))
    assert LexicalIndex.load(folder, "two") is None
    assert LexicalIndex.load(tmp_path / "none", "one") is None


@pytest.mark.parametrize("damage", ["", "garbage", "{}"])
def test_a_damaged_index_is_not_loaded(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "lexical"
    LexicalIndex.build(TEXTS).save(folder, "one")
    for file in folder.iterdir():
        kept = file.read_bytes()
        file.write_text(damage)
        loaded = LexicalIndex.load(folder, "one")
        # A file that is not needed for the scores may be anything.
        assert loaded is None or np.argmax(loaded.scores("KubePodCrashLooping")) == 0, file.name
        file.write_bytes(kept)


def test_texts_without_words() -> None:
    assert LexicalIndex.build(["", "..."]).scores("pod").tolist() == [0, 0]
