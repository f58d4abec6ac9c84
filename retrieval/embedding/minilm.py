"""The bundled embedding model: all-MiniLM-L6-v2 as int8 ONNX, without network or torch."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

MODEL_FOLDER = Path(__file__).parent / "all_minilm_l6_v2"
SHA256 = {
    "model_int8.onnx": "baf5cf09e2be37ecf85a8b9b0a1a44c613f7a6c755c1c4a7e7d464e082edd05a",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
MAX_TOKENS = 256

FAMILY = "all-MiniLM-L6-v2"
"""What the names of this model begin with, in whatever precision."""


@dataclass(frozen=True, slots=True)
class _Model:
    session: Any
    tokenizer: Any


class MiniLM:
    """all-MiniLM-L6-v2 (384 dimensions, the first 256 tokens), loaded on first use, once a process.

    `threads` is how many cores one text may use; 0 takes up to two. The first who uses it decides.
    """

    def __init__(self, folder: Path = MODEL_FOLDER, *, threads: int = 0) -> None:
        self._folder = folder
        self._threads = threads or min(2, os.cpu_count() or 1)

    @property
    def name(self) -> str:
        """Model, precision and the beginning of the weights' sha256."""
        return f"{FAMILY}-int8-{SHA256['model_int8.onnx'][:8]}"

    @property
    def dimension(self) -> int:
        """Length of one vector."""
        return 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length one per text."""
        import numpy as np

        with _LOCK:
            model = _load(self._folder, self._threads)
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        # One text per call: the int8 scales are computed per batch, so that neighbours would
        # change a text's vector.
        for row, text in enumerate(texts):
            rows[row] = _encode(model, text)
        return rows


_LOCK = threading.Lock()
_LOADED: dict[Path, _Model] = {}


def _load(folder: Path, threads: int) -> _Model:
    if folder in _LOADED:
        return _LOADED[folder]
    weights = _checked(folder / "model_int8.onnx")
    vocabulary = _checked(folder / "tokenizer.json")
    try:
        import onnxruntime
        import tokenizers
    except ImportError as error:
        raise EmbeddingUnavailable(
            f"the embedding model needs onnxruntime and tokenizers: {error}"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Busy waiting starves everything else on a machine with few cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        weights, sess_options=options, providers=["CPUExecutionProvider"]
    )
    tokenizer = tokenizers.Tokenizer.from_buffer(vocabulary)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    _LOADED[folder] = _Model(session, tokenizer)
    return _LOADED[folder]


def _checked(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EmbeddingUnavailable(
            f"the embedding model's file {path} cannot be read ({error.strerror}): reinstall"
        ) from error
    if hashlib.sha256(data).hexdigest() != SHA256[path.name]:
        raise EmbeddingUnavailable(
            f"the embedding model's file {path} is damaged (wrong sha256): reinstall"
        )
    return data


def _encode(model: _Model, text: str) -> Vectors:
    import numpy as np

    encoding = model.tokenizer.encode(text)
    ids = np.array([encoding.ids], dtype=np.int64)
    mask = np.array([encoding.attention_mask], dtype=np.int64)
    states = model.session.run(
        ["last_hidden_state"],
        {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)},
    )[0]
    weights = mask[..., None].astype(np.float32)
    mean = (states * weights).sum(axis=1)[0] / weights.sum()
    vector: Vectors = (mean / np.linalg.norm(mean)).astype(np.float32)
    return vector
