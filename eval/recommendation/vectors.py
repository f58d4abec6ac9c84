"""Token vectors of the bundled embedding model, which itself gives one vector for a text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from retrieval.embedding.minilm import MAX_TOKENS, MODEL_FOLDER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text: one row of length one for each token ([CLS] and [SEP] left out), and their mean."""

    tokens: NDArray[np.float32]
    whole: NDArray[np.float32]


class TokenVectors:
    """Encodes texts, each once, of up to 256 tokens."""

    def __init__(self) -> None:
        self._session, self._tokenizer = _model()
        self._known: dict[str, Encoded] = {}

    def of(self, text: str) -> Encoded:
        """Return a text's vectors."""
        if text not in self._known:
            self._known[text] = self._encode(text)
        return self._known[text]

    def _encode(self, text: str) -> Encoded:
        import numpy as np

        encoding = self._tokenizer.encode(text)
        ids = np.array([encoding.ids], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        states = self._session.run(["last_hidden_state"], feed)[0][0].astype(np.float32)
        return Encoded(_unit(states[1:-1]), _unit(states.mean(axis=0, keepdims=True))[0])


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the similarity of two vectors of length one, -1 to 1."""
    return float(one @ other)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: NDArray[np.float32] = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
    return found


@lru_cache(maxsize=1)
def _model() -> tuple[Any, Any]:
    import onnxruntime
    import tokenizers

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(2, os.cpu_count() or 1)
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        str(MODEL_FOLDER / "model_int8.onnx"),
        sess_options=options,
        providers=["CPUExecutionProvider"],
    )
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return session, tokenizer
