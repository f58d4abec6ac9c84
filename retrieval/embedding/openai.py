"""OpenAI's embeddings, and every endpoint that speaks the same `/v1/embeddings`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from retrieval.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

MODEL = "text-embedding-3-small"
URL = "https://api.openai.com/v1"

_BATCH = 64
_LONGEST = 8000
"""Characters of a text that are sent: some 2,000 tokens, which every such model takes at least in part."""


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """An endpoint. `dimension` asks for vectors of so many numbers, 0 for what the model gives.

    `mask` is applied to every text before it is sent. `timeout` is seconds for one request; what the endpoint
    refuses for now (429, 5xx) is asked again `retries` times, when it says, else later and later.
    """

    url: str = URL
    model: str = MODEL
    key: str = field(default="", repr=False)
    dimension: int = 0
    timeout: float = 30.0
    retries: int = 4
    mask: Callable[[str], str] = _same


class OpenAIEmbedder:
    """Fits `retrieval.embedding.protocol.Embedder`. Nothing is asked before the first text."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None
        self._dimension = settings.dimension

    @property
    def name(self) -> str:
        """Endpoint, model and dimension: a model of the same name elsewhere may be another one."""
        chosen = self._settings
        wanted = f"-{chosen.dimension}" if chosen.dimension else ""
        return f"{chosen.model}{wanted}@{urlsplit(chosen.url).netloc}"[:120]

    @property
    def dimension(self) -> int:
        """Length of one vector, 0 until the endpoint has given one."""
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length one per text. Raises `EmbeddingUnavailable`."""
        import numpy as np

        rows: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            rows += self._asked([self._sent(text) for text in texts[start : start + _BATCH]])
        if not rows:
            return np.zeros((0, self._dimension), dtype=np.float32)
        try:
            matrix: Vectors = np.asarray(rows, dtype=np.float32)
        except ValueError as error:
            raise self._trouble("its vectors are not of one length") from error
        if matrix.ndim != 2 or not np.isfinite(matrix).all():
            raise self._trouble("its vectors are not lists of numbers")
        with self._lock:
            expected = self._dimension
            self._dimension = expected or matrix.shape[1]
        if expected and matrix.shape[1] != expected:
            raise self._trouble(f"its vectors have {matrix.shape[1]} numbers instead of {expected}")
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        normalised: Vectors = (matrix / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
        return normalised

    def _sent(self, text: str) -> str:
        # An empty text is refused by OpenAI.
        return self._settings.mask(text)[:_LONGEST] or " "

    def _asked(self, texts: list[str]) -> list[list[float]]:
        import openai

        chosen = self._settings
        more: dict[str, Any] = {"dimensions": chosen.dimension} if chosen.dimension else {}
        try:
            answer = self._opened().embeddings.create(
                model=chosen.model, input=texts, encoding_format="float", **more
            )
        except openai.OpenAIError as error:
            raise self._trouble(_reason(error)) from error
        found = {each.index: each.embedding for each in answer.data or ()}
        if sorted(found) != list(range(len(texts))):
            raise self._trouble(f"it gave {len(found)} vectors for {len(texts)} texts")
        return [found[number] for number in range(len(texts))]

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                import openai

                chosen = self._settings
                # Endpoints of one's own often want no key; the client insists on one.
                self._client = openai.OpenAI(
                    base_url=chosen.url,
                    api_key=chosen.key or "none",
                    timeout=chosen.timeout,
                    max_retries=chosen.retries,
                )
            return self._client

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _trouble(self, reason: str) -> EmbeddingUnavailable:
        chosen = self._settings
        return EmbeddingUnavailable(f"the embedding model {chosen.model} at {chosen.url}: {reason}")


def _reason(error: Exception) -> str:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return "it does not answer in time"
    if isinstance(error, openai.APIConnectionError):
        return "it cannot be reached"
    if isinstance(error, openai.AuthenticationError):
        return "it refuses the key: set knowledge.embedder.api_key"
    if isinstance(error, openai.RateLimitError):
        return "it refuses more requests for now (429)"
    if isinstance(error, openai.APIStatusError):
        return f"it answers {error.status_code}: {_first_line(error)}"
    return _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
