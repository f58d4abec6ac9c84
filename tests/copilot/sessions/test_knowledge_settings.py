"""The settings of the index: which model makes vectors, and where Chroma is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from copilot.config.settings import (
    EmbedderSection,
    KnowledgeSection,
    ModelSection,
    Settings,
    StateSection,
)
from copilot.model.errors import ConfigError, UnavailableError
from copilot.sessions.database import open_database
from copilot.sessions.knowledge import open_knowledge
from retrieval.knowledge import KnowledgeIndex
from tests.retrieval.embedding_endpoint import Endpoint

NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


def settings_of(folder: Path, **knowledge: object) -> Settings:
    return Settings(
        state=StateSection(folder=folder),
        knowledge=KnowledgeSection(builtin=False, **knowledge),  # type: ignore[arg-type] # free options
        model=ModelSection(api_key=SecretStr("sk-of-the-model")),
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[KnowledgeIndex]:
    engine = open_database(settings.state.database_url)
    try:
        index = await open_knowledge(
            engine, settings.state.folder, builtin=False, settings=settings
        )
        try:
            yield index
        finally:
            index.close()
    finally:
        engine.dispose()


async def test_an_endpoint_of_ones_own_gets_masked_texts_and_no_key_of_another(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    embedder = EmbedderSection(kind="openai", model="tiny", url=endpoint.url)
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "a.md").write_text("# Login\n\nThe job has `password=hunter2hunter2` set.\n")
    async with opened(settings_of(tmp_path, embedder=embedder)) as index:
        assert index.add([folder], NOW).added == 1
        assert index.status().embedder.startswith("tiny@127.0.0.1")
        assert index.search_now("login job")[0].title == "Login"
    sent = [text for request in endpoint.requests for text in request["input"]]
    assert sent and not any("hunter2" in text for text in sent)
    assert not any("sk-of-the-model" in str(headers) for headers in endpoint.headers)


async def test_the_fuse_holds_for_embeddings_and_chroma(tmp_path: Path) -> None:
    far = EmbedderSection(kind="openai")
    for settings in (
        settings_of(tmp_path, embedder=far),
        settings_of(tmp_path, chroma_url="http://chroma.example:8000"),
    ):
        with pytest.raises(ConfigError, match="not on this machine"):
            async with opened(settings):
                pass


async def test_bad_settings_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"set knowledge\.embedder\.folder"):
        EmbedderSection(kind="fastembed")
    nowhere = EmbedderSection(kind="fastembed", folder=tmp_path / "nowhere")
    with pytest.raises(UnavailableError, match="there is no model in"):
        async with opened(settings_of(tmp_path, embedder=nowhere)):
            pass


async def test_a_chroma_server_that_is_away_leaves_the_exact_search(tmp_path: Path) -> None:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "a.md").write_text("# Login\n\nLook at the job.\n")
    async with opened(settings_of(tmp_path, chroma_url="http://127.0.0.1:9")) as index:
        assert index.add([folder], NOW).added == 1
        assert index.search_now("login job")[0].title == "Login"
        status = index.status()
        assert status.vectors == "exact"
        assert "Could not connect" in " ".join(status.notes)
