"""OpenAI's embeddings against a loopback server that speaks `/v1/embeddings`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from retrieval.embedding.openai import EndpointSettings, OpenAIEmbedder
from retrieval.errors import EmbeddingUnavailable
from tests.retrieval.embedding_endpoint import Endpoint

if TYPE_CHECKING:
    from conftest import OpenIndex


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def embedder(endpoint: Endpoint) -> Iterator[OpenAIEmbedder]:
    made = OpenAIEmbedder(EndpointSettings(endpoint.url, "tiny", "sk-test", retries=1))
    yield made
    made.close()


def test_many_texts_go_in_batches_and_come_back_in_order(
    endpoint: Endpoint, embedder: OpenAIEmbedder
) -> None:
    texts = [f"case {number} of disk{number}" for number in range(150)]
    rows = embedder.embed(texts)
    assert [len(each["input"]) for each in endpoint.requests] == [64, 64, 22]
    assert rows.shape == (150, 48)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert np.allclose(rows[149], embedder.embed([texts[149]])[0])
    assert endpoint.headers[0]["authorization"] == "Bearer sk-test"
    assert embedder.dimension == 48


def test_texts_are_masked_and_cut(endpoint: Endpoint) -> None:
    made = OpenAIEmbedder(
        EndpointSettings(
            endpoint.url, "tiny", mask=lambda text: text.replace("hunter2", "[masked]")
        )
    )
    made.embed(["password hunter2", "", "long " * 5000])
    made.close()
    sent = endpoint.requests[0]["input"]
    assert sent[0] == "password [masked]"
    assert sent[1].strip() == "" != sent[1]
    assert len(sent[2]) == 8000


def test_too_many_requests_are_asked_again_when_it_says(
    endpoint: Endpoint, embedder: OpenAIEmbedder
) -> None:
    body = {"error": {"message": "slow down"}}
    endpoint.refuse = lambda n: (429, {"Retry-After": "0.05"}, body) if n == 1 else None
    assert embedder.embed(["a text"]).shape == (1, 48)
    assert len(endpoint.requests) == 2
    endpoint.refuse = lambda n: (429, {"Retry-After": "0.01"}, body)
    with pytest.raises(EmbeddingUnavailable, match=r"refuses more requests for now \(429\)"):
        embedder.embed(["a text"])


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((401, {"error": {"message": "bad key"}}), "refuses the key: set knowledge.embedder"),
        ((404, {"error": {"message": "no such model"}}), "answers 404"),
        ((400, {"error": {"message": "too long"}}), "answers 400"),
    ],
)
def test_refusals_are_told_in_one_line(
    endpoint: Endpoint, embedder: OpenAIEmbedder, refusal: tuple[int, object], said: str
) -> None:
    endpoint.refuse = lambda _: (refusal[0], {}, refusal[1])
    with pytest.raises(EmbeddingUnavailable, match=said) as caught:
        embedder.embed(["a text"])
    assert "\n" not in str(caught.value)
    assert "sk-test" not in str(caught.value)


def test_nobody_there(endpoint: Endpoint) -> None:
    made = OpenAIEmbedder(EndpointSettings("http://127.0.0.1:9/v1", "tiny", retries=0))
    with pytest.raises(EmbeddingUnavailable, match="cannot be reached"):
        made.embed(["a text"])
    made.close()


def _drop(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return data[1:]


def _ragged(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**data[0], "embedding": [1.0, 2.0]}, *data[1:]]


def _nan(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "embedding": [float("nan")] * 48} for each in data]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_drop, "1 vectors for 2 texts"),
        (_ragged, "not of one length"),
        (_nan, "not lists of numbers"),
    ],
)
def test_what_is_no_embedding_is_refused(
    endpoint: Endpoint,
    embedder: OpenAIEmbedder,
    spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    said: str,
) -> None:
    endpoint.spoil = spoil
    with pytest.raises(EmbeddingUnavailable, match=said):
        embedder.embed(["one", "two"])


def test_an_index_by_an_endpoint(
    endpoint: Endpoint,
    embedder: OpenAIEmbedder,
    opened: OpenIndex,
    library: Path,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = opened(embedder=embedder, vectors="exact")
    index.add([library], now)
    status = index.status()
    assert (status.stale, status.vectors) == (0, "exact")
    assert status.embedder.startswith("tiny@127.0.0.1")
    assert index.search_now("certificate dates")[0].title == "Certificate expired"
    index.close()
    # A new process knows the length of the stored vectors without asking.
    fresh = OpenAIEmbedder(EndpointSettings(endpoint.url, "tiny", "sk-test", retries=0))
    again = opened(embedder=fresh, vectors="exact")
    endpoint.refuse = lambda _: (503, {}, {"error": {"message": "down"}})
    assert again.search_now("certificate dates")[0].title == "Certificate expired"
    assert "searching by words only" in again.status().notes[0]
    asked = len(endpoint.requests)
    again.search_now("certificate dates")
    assert len(endpoint.requests) == asked, "an endpoint that is away is left alone for a while"
    # The model was exchanged under its name: its vectors do not meet the old ones.
    monkeypatch.setattr("retrieval.knowledge.PATIENCE_SECONDS", 0.0)
    again._ask_again_at = 0.0
    endpoint.refuse = lambda _: None
    endpoint.dimension = 32
    assert again.search_now("certificate dates")[0].title == "Certificate expired"
    assert "it is another model now" in again.status().notes[0]
    (library / "runbooks/dns.md").write_text("# Names do not resolve\n\nAsk the resolver.\n")
    again.refresh(now)
    assert again.status().stale > 0
    assert again.search_now("ask the resolver")[0].title == "Names do not resolve"
    fresh.close()


def test_another_dimension_is_another_model(endpoint: Endpoint) -> None:
    small = OpenAIEmbedder(EndpointSettings(endpoint.url, "tiny", dimension=16))
    assert small.embed(["a text"]).shape == (1, 16)
    small.close()
    assert endpoint.requests[0]["dimensions"] == 16
    large = OpenAIEmbedder(EndpointSettings(endpoint.url, "tiny"))
    assert small.name != large.name
