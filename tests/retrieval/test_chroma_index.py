from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from retrieval.indexes import canary
from tests.retrieval.chroma_searches import found, wait_for_chroma

if TYPE_CHECKING:
    from conftest import OpenIndex, WordEmbedder


def chroma_folder(data: Path) -> Path:
    (folder,) = (each for each in data.glob("chroma-*") if each.is_dir())
    return folder


@pytest.fixture
def filled(opened: OpenIndex, library: Path, now: datetime) -> Path:
    index = opened(vectors="chroma")
    index.add([library], now)
    assert index.status().chroma == "ready"
    index.close()
    return library


def test_chroma_answers_as_the_exact_search_does(filled: Path, opened: OpenIndex) -> None:
    index = opened(vectors="chroma")
    assert index.status().vectors == "exact"
    meanwhile = found(index)
    wait_for_chroma(index)
    assert found(index) == meanwhile
    index.close()
    exact = opened(vectors="exact")
    assert found(exact) == meanwhile


def test_changes_reach_chroma_at_once(filled: Path, opened: OpenIndex, now: datetime) -> None:
    index = opened(vectors="chroma")
    (filled / "runbooks/certificate.md").unlink()
    (filled / "runbooks/dns.md").write_text("# Names do not resolve\n\nAsk the resolver.\n")
    index.refresh(now)
    assert index.status().vectors == "chroma"
    assert index.search_now("ask the resolver")[0].title == "Names do not resolve"
    titles = {hit.title for hit in index.search_now("certificate dates", limit=10)}
    assert "Certificate expired" not in titles


def test_an_index_that_is_behind_catches_up(filled: Path, opened: OpenIndex, now: datetime) -> None:
    index = opened(vectors="exact")
    (filled / "runbooks/dns.md").write_text("# Names do not resolve\n\nAsk the resolver.\n")
    index.refresh(now)
    assert index.status().chroma == "behind"
    index.close()
    index = opened(vectors="chroma")
    assert index.search_now("ask the resolver")[0].title == "Names do not resolve"
    wait_for_chroma(index)
    assert index.search_now("ask the resolver")[0].title == "Names do not resolve"
    assert index.status().chroma == "ready"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _garble_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"not a database" * 1000)


def _empty_database(folder: Path) -> None:
    for file in folder.glob("chroma.sqlite3*"):
        file.unlink()


@pytest.mark.parametrize("damage", [_remove, _garble_database, _empty_database])
@pytest.mark.parametrize("dirty", [False, True])
def test_a_damaged_index_is_made_anew(
    filled: Path, opened: OpenIndex, data: Path, damage: Callable[[Path], None], dirty: bool
) -> None:
    exact = opened(vectors="exact")
    expected = found(exact)
    exact.close()
    damage(chroma_folder(data))
    if dirty:
        (data / "chroma.dirty").touch()
    index = opened(vectors="chroma")
    assert found(index) == expected
    wait_for_chroma(index)
    assert found(index) == expected
    assert not (data / "chroma.dirty").exists()


def test_another_model_gets_collections_of_its_own(
    filled: Path, opened: OpenIndex, now: datetime, other_words: WordEmbedder
) -> None:
    index = opened(vectors="chroma", embedder=other_words)
    assert index.status().chroma == "absent"
    index.refresh(now)
    assert index.status().vectors == "chroma"
    assert index.search_now("certificate dates")[0].title == "Certificate expired"


def test_rebuild_makes_everything_anew(filled: Path, opened: OpenIndex, data: Path) -> None:
    before = chroma_folder(data)
    index = opened(vectors="chroma")
    status = index.rebuild()
    assert (status.chroma, status.vectors) == ("ready", "chroma")
    assert chroma_folder(data) != before
    assert index.search_now("certificate dates")[0].title == "Certificate expired"


def test_losing_vectors_silently_is_noticed(
    filled: Path, opened: OpenIndex, data: Path, words: WordEmbedder, engine: Engine
) -> None:
    from retrieval.indexes.places import open_client

    client = open_client(chroma_folder(data))
    name = next(each.name for each in client.list_collections() if "runbook-section" in each.name)
    collection = client.get_collection(name, embedding_function=None)
    collection.delete(ids=collection.get(limit=1, include=[])["ids"])
    client.close()
    index = opened(vectors="chroma")
    wait_for_chroma(index)
    assert chroma_folder(data).name == "chroma-2"


def test_a_crash_while_opening_kills_only_the_canary(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    assert not canary.survives(folder, {})
    # What the caller sees of a process that died of a segmentation fault.
    died = subprocess.run(
        [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"],
        check=False,
    )
    assert died.returncode == -signal.SIGSEGV != 0
