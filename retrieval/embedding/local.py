"""A model of one's own in a local folder, run by fastembed, without any network."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

MODEL = "BAAI/bge-small-en-v1.5"

_ENDS = 1 << 20


class FastembedModel:
    """Fits `retrieval.embedding.protocol.Embedder`. `folder` holds the model's files as its hub does."""

    def __init__(self, folder: Path, model: str = MODEL) -> None:
        """Raise `EmbeddingUnavailable` where the folder holds no model."""
        self._folder = folder
        self._model_name = model
        weights = sorted(folder.rglob("*.onnx")) if folder.is_dir() else []
        if not weights:
            raise EmbeddingUnavailable(
                f"there is no model in {folder} (no .onnx file): set knowledge.embedder.folder to a folder that has one"
            )
        self._name = f"{model}-{_fingerprint(weights)}"[:120]
        self._lock = threading.Lock()
        self._loaded: Any = None
        self._dimension = 0

    @property
    def name(self) -> str:
        """The model and a fingerprint of its weights."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of one vector, 0 until the model is loaded."""
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length one per text. Raises `EmbeddingUnavailable`."""
        import numpy as np

        model = self._model()
        # One text per call: weights of 8 bits scale a batch together, so that neighbours would count.
        rows = [np.asarray(next(iter(model.embed([text]))), dtype=np.float32) for text in texts]
        if not rows:
            return np.zeros((0, self._dimension), dtype=np.float32)
        matrix: Vectors = np.vstack(rows)
        self._dimension = matrix.shape[1]
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        normalised: Vectors = (matrix / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
        return normalised

    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Any:
        try:
            import fastembed  # type: ignore[import-not-found,unused-ignore] # not a dependency
        except ImportError as error:
            raise EmbeddingUnavailable(
                "the embedder fastembed is not installed: pip install 'incident-copilot[fastembed]'"
            ) from error
        try:
            return fastembed.TextEmbedding(
                self._model_name, specific_model_path=str(self._folder), local_files_only=True
            )
        except (ValueError, OSError, RuntimeError, KeyError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise EmbeddingUnavailable(
                f"fastembed cannot load {self._model_name} from {self._folder}: {first}"
            ) from error


def _fingerprint(weights: Sequence[Path]) -> str:
    """Return eight digits that tell one file of weights from another, without reading hundreds of megabytes."""
    hasher = hashlib.sha256()
    for file in weights:
        size = file.stat().st_size
        with file.open("rb") as stream:
            hasher.update(f"{file.name} {size}".encode() + stream.read(_ENDS))
            stream.seek(max(0, size - _ENDS))
            hasher.update(stream.read(_ENDS))
    return hasher.hexdigest()[:8]
