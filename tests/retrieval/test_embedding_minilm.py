from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding.minilm import MODEL_FOLDER, MiniLM
from retrieval.errors import EmbeddingUnavailable

TEXTS = [
    "the container was killed because it used too much memory",
    "out of memory: the process exceeded its limit",
    "the certificate of the ingress expires tomorrow",
    "",
    "x " * 5000,
]


def test_vectors_have_length_one_and_do_not_depend_on_neighbours(minilm: MiniLM) -> None:
    together = minilm.embed(TEXTS)
    assert together.shape == (len(TEXTS), minilm.dimension)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.vstack([minilm.embed([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


def test_nearness_is_nearness_of_meaning(minilm: MiniLM) -> None:
    memory, oom, certificate = minilm.embed(TEXTS[:3])
    assert memory @ oom > memory @ certificate + 0.2


def test_threads_share_one_model(minilm: MiniLM) -> None:
    expected = minilm.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: minilm.embed(TEXTS), range(8)):
            assert np.array_equal(vectors, expected)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    for name in ("model_int8.onnx", "tokenizer.json"):
        shutil.copy(MODEL_FOLDER / name, tmp_path / name)
    with (tmp_path / "tokenizer.json").open("a") as stream:
        stream.write(" ")
    with pytest.raises(EmbeddingUnavailable, match=r"tokenizer\.json is damaged"):
        MiniLM(tmp_path).embed(["text"])


def test_a_missing_model_is_reported_on_use_only(tmp_path: Path) -> None:
    model = MiniLM(tmp_path / "nowhere")
    with pytest.raises(EmbeddingUnavailable, match="cannot be read"):
        model.embed(["text"])
