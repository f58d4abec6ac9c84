"""A new process answers from files that it maps, and notices when they are not of the store's present state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.store import DocumentStore

if TYPE_CHECKING:
    from conftest import OpenIndex, WordEmbedder


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("the passages were read from the store")


@pytest.fixture
def filled(library: Path, opened: OpenIndex, now: datetime) -> Path:
    index = opened(vectors="exact")
    index.add([library], now)
    index.close()
    return library


def test_a_new_process_reads_no_passages(
    filled: Path, opened: OpenIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = opened(vectors="exact").search_now("certificate dates", limit=10)
    monkeypatch.setattr(DocumentStore, "rows", refuse)
    index = opened(vectors="exact")
    assert index.search_now("certificate dates", limit=10) == expected
    assert expected[0].title == "Certificate expired"


def test_a_change_by_another_process_is_seen(
    filled: Path, opened: OpenIndex, now: datetime
) -> None:
    index = opened(vectors="exact")
    assert index.search_now("resolver")
    (filled / "runbooks/dns.md").write_text("# Names do not resolve\n\nAsk the resolver.\n")
    index.refresh(now)
    index.close()
    assert opened(vectors="exact").search_now("resolver")[0].title == "Names do not resolve"


def _truncate(folder: Path) -> None:
    for file in folder.glob("*/*.npy"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _garble(folder: Path) -> None:
    for file in folder.glob("*/*.json"):
        file.write_text("[1, 2")


def _mix(folder: Path) -> None:
    """As if the files of two snapshots had been put into one folder."""
    (folder / "corpus/section-ids.npy").write_bytes((folder / "corpus/whole-ids.npy").read_bytes())


@pytest.mark.parametrize("damage", [_truncate, _garble, _mix])
def test_damaged_files_are_made_again(
    filled: Path, opened: OpenIndex, data: Path, damage: Callable[[Path], None]
) -> None:
    index = opened(vectors="exact")
    expected = index.search_now("certificate dates", limit=10)
    index.close()
    damage(data)
    assert opened(vectors="exact").search_now("certificate dates", limit=10) == expected


def test_a_rebuild_reads_the_store_again(
    filled: Path, opened: OpenIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = opened(vectors="exact")
    with monkeypatch.context() as patched:
        patched.setattr(DocumentStore, "rows", refuse)
        with pytest.raises(AssertionError, match="read from the store"):
            index.rebuild()
    index.rebuild()
    assert index.search_now("certificate dates")[0].title == "Certificate expired"


def test_vectors_of_another_model_are_not_used(
    filled: Path, opened: OpenIndex, other_words: WordEmbedder, now: datetime
) -> None:
    other_words.gate = gate = threading.Event()
    index = opened(vectors="exact", embedder=other_words)
    assert index.search_now("certificate dates")[0].title == "Certificate expired"
    assert index.status().vectors == "none"
    gate.set()
    index.refresh(now)
    assert index.status().vectors == "exact"
    index.close()
    again = opened(vectors="exact")
    assert again.status().stale == again.status().chunks
