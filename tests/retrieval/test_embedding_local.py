"""A model in a local folder, run by fastembed where it is installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding.local import FastembedModel
from retrieval.embedding.minilm import MODEL_FOLDER, MiniLM
from retrieval.errors import EmbeddingUnavailable

NAME = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The bundled weights, laid out as the model's hub does."""
    made = tmp_path / "model"
    made.mkdir()
    shutil.copy(MODEL_FOLDER / "model_int8.onnx", made / "model.onnx")
    shutil.copy(MODEL_FOLDER / "tokenizer.json", made / "tokenizer.json")
    tokens = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    files = {
        "config.json": {"pad_token_id": 0, "max_position_embeddings": 512},
        "tokenizer_config.json": {"model_max_length": 256, **tokens},
        "special_tokens_map.json": {"unk_token": "[UNK]", "mask_token": "[MASK]", **tokens},
    }
    for name, content in files.items():
        (made / name).write_text(json.dumps(content))
    return made


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingUnavailable, match=r"knowledge\.embedder\.folder"):
        FastembedModel(tmp_path / "nowhere", NAME)


def test_other_weights_are_another_model(folder: Path) -> None:
    before = FastembedModel(folder, NAME).name
    assert before == FastembedModel(folder, NAME).name
    assert before.startswith(NAME)
    weights = folder / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert FastembedModel(folder, NAME).name != before


def test_the_folder_alone_is_used(folder: Path, minilm: MiniLM) -> None:
    model = FastembedModel(folder, NAME)
    texts = ["why do my pods keep dying", "the disk is full"]
    if importlib.util.find_spec("fastembed") is None:
        with pytest.raises(EmbeddingUnavailable, match=r"incident-copilot\[fastembed\]"):
            model.embed(texts)
        return
    rows = model.embed(texts)
    assert model.dimension == 384
    assert np.allclose((rows * minilm.embed(texts)).sum(axis=1), 1.0, atol=0.02)
    with pytest.raises(EmbeddingUnavailable, match="cannot load no/such-model"):
        FastembedModel(folder, "no/such-model").embed(texts)
