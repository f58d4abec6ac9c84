"""A Chroma server by URL: a real one on loopback, killed and started again while it is used."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from retrieval.errors import KnowledgeError
from retrieval.indexes import derived
from retrieval.indexes.derived import ChromaUrl
from retrieval.indexes.places import ChromaServer
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables
from tests.retrieval.chroma_searches import found, wait_for_chroma

if TYPE_CHECKING:
    from conftest import OpenIndex, WordEmbedder


@dataclass
class Server:
    """`chroma run` on a port of its own; what it holds outlives it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = Path(sys.executable).with_name("chroma")
        self.process = subprocess.Popen(
            [command, "run", "--path", self.folder, "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Server(tmp_path / "server", port)
    made.start()
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "RETRY_SECONDS", 0.05)


def held(server: Server) -> dict[str, int]:
    place = ChromaServer(server.url, server.folder)
    client = place.open(1, {}, unclean=False)
    try:
        return {each.name: each.count() for each in client.list_collections()}
    finally:
        place.close(client)


def test_a_server_answers_as_the_exact_search_does(
    server: Server, opened: OpenIndex, library: Path, data: Path, now: datetime
) -> None:
    index = opened(server=ChromaUrl(server.url))
    index.add([library], now)
    status = index.status()
    assert (status.chroma, status.vectors) == ("ready", "chroma")
    assert sum(held(server).values()) == status.chunks
    assert not list(data.glob("chroma-*"))
    answers = found(index)
    index.close()
    assert found(opened(vectors="exact")) == answers


def test_killed_and_started_again_while_searching_and_ingesting(
    server: Server, opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(server=ChromaUrl(server.url))
    index.add([library], now)
    answers = found(index)
    server.kill()
    assert found(index) == answers
    status = index.status()
    # Between two attempts to reach it, or in the midst of one.
    assert status.chroma in ("broken", "building")
    assert status.vectors == "exact"
    assert any("instead of Chroma" in note for note in status.notes)
    # Ingestion goes on without it, and what it adds is found.
    (library / "runbooks/dns.md").write_text("# Names do not resolve\n\nAsk the resolver.\n")
    assert index.refresh(now).added == 1
    assert index.search_now("ask the resolver")[0].title == "Names do not resolve"
    server.start()
    wait_for_chroma(index)
    status = index.status()
    assert (status.chroma, sum(held(server).values())) == ("ready", status.chunks)
    assert index.search_now("ask the resolver")[0].title == "Names do not resolve"


@pytest.mark.matrix
def test_a_server_that_lost_everything_is_filled_again(
    server: Server, opened: OpenIndex, library: Path, now: datetime, tmp_path: Path
) -> None:
    index = opened(server=ChromaUrl(server.url))
    index.add([library], now)
    answers = found(index)
    server.kill()
    server.folder = tmp_path / "empty"
    server.start()
    assert found(index) == answers
    wait_for_chroma(index)
    assert found(index) == answers
    assert sum(held(server).values()) == index.status().chunks


@pytest.mark.matrix
def test_killed_in_the_midst_of_being_filled(
    server: Server, opened: OpenIndex, tmp_path: Path, now: datetime
) -> None:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    for number in range(300):
        text = f"# Case {number}\n\n## Check\nlook at unique{number}\n\n## Fix\nrepair it\n"
        (folder / f"{number}.md").write_text(text)
    index = opened(server=ChromaUrl(server.url))

    def progress(done: int, _total: int, what: str) -> None:
        if what.startswith("chroma:") and done:
            server.kill()

    assert index.add([folder], now, progress=progress).added == 300
    assert server.process is None
    assert index.status().vectors == "exact"
    assert index.search_now("unique7")[0].title == "Case 7"
    server.start()
    wait_for_chroma(index)
    assert sum(held(server).values()) == index.status().chunks
    assert index.search_now("unique299")[0].title == "Case 299"


def test_two_data_folders_share_a_server(
    server: Server, opened: OpenIndex, library: Path, now: datetime, tmp_path: Path
) -> None:
    mine = opened(server=ChromaUrl(server.url))
    mine.add([library], now)
    engine = create_engine(f"sqlite:///{tmp_path}/other.db")
    create_tables(engine)
    embedder: WordEmbedder = mine._embedder  # type: ignore[assignment]
    with KnowledgeIndex.open(
        engine,
        tmp_path / "other",
        embedder=embedder,
        builtin=False,
        server=ChromaUrl(server.url),
    ) as other:
        other.add([library / "incidents"], now)
        assert other.status().vectors == "chroma"
        other.rebuild()
        assert mine.search_now("certificate dates")[0].title == "Certificate expired"
        assert mine.status().vectors == "chroma"
        total = mine.status().chunks + other.status().chunks
        assert sum(held(server).values()) == total
    engine.dispose()


@pytest.mark.parametrize("url", ["chroma:8000", "http://", "ftp://chroma", "http://chroma:port"])
def test_what_is_no_url_is_refused(opened: OpenIndex, url: str) -> None:
    with pytest.raises(KnowledgeError, match="write it like http://chroma:8000"):
        opened(server=ChromaUrl(url))
