from __future__ import annotations

import shutil
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from retrieval.documents import IngestReport
from retrieval.errors import KnowledgeError
from retrieval.store import DocumentStore
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from conftest import OpenIndex, WordEmbedder


def test_a_folder_is_indexed_once(
    opened: OpenIndex, library: Path, now: datetime, words: WordEmbedder
) -> None:
    index = opened(vectors="exact")
    assert index.add([library], now) == IngestReport(added=4)
    embedded = len(words.texts)
    assert embedded > 4
    assert index.add([library], now) == IngestReport(unchanged=4)
    assert index.refresh(now) == IngestReport(unchanged=4)
    assert len(words.texts) == embedded
    status = index.status()
    assert (status.runbooks, status.incidents, status.stale) == (3, 1, 0)
    assert status.sources == (str(library),)


def test_only_what_changed_is_embedded_again(
    opened: OpenIndex, library: Path, now: datetime, words: WordEmbedder
) -> None:
    index = opened(vectors="exact")
    text = "\n".join(f"## Part {part}\n" + f"word{part} " * 60 for part in range(8))
    (library / "runbooks/long.md").write_text(f"# Long\n{text}")
    index.add([library], now)
    words.texts.clear()
    (library / "runbooks/long.md").write_text(f"# Long\n{text.replace('word3', 'changed3')}")
    assert index.refresh(now) == IngestReport(unchanged=4, updated=1)
    texts = [text for text in words.texts if text != "ready?"]
    assert len(texts) == 2  # the whole, and the section that changed
    assert all("changed3" in text for text in texts)
    assert index.search_now("changed3")[0].section == "Part 3"
    assert all("word3" not in hit.text for hit in index.search_now("word3"))


def test_a_deleted_file_is_gone_from_search(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    assert index.search_now("certificate")[0].title == "Certificate expired"
    (library / "runbooks/certificate.md").unlink()
    assert index.refresh(now) == IngestReport(unchanged=3, removed=1)
    assert all(hit.title != "Certificate expired" for hit in index.search_now("certificate"))


def test_bad_files_are_reported_and_the_last_good_version_stays(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    disk = library / "runbooks/disk.md"
    disk.write_bytes(b"\x00\x01\x02")
    (library / "empty.md").touch()
    (library / "logo.png").write_bytes(b"\x89PNG")
    (library / "dangling.md").symlink_to(library / "nowhere.md")
    (library / ".hidden.md").write_text("not for the index")
    report = index.refresh(now)
    assert (report.unchanged, report.removed) == (3, 0)
    assert {(Path(path).name, reason) for path, reason in report.skipped} == {
        ("disk.md", "binary, not text"),
        ("empty.md", "empty"),
        ("logo.png", "not a supported type (.png)"),
        ("dangling.md", "no such file or directory"),
    }
    assert index.search_now("free space of the volume")[0].title == "Volume is filling up"


def test_a_missing_path_is_reported_and_an_unmounted_folder_keeps_its_documents(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    assert index.add([library / "nope"], now).skipped == (
        (str(library / "nope"), "no such file or folder"),
    )
    index.add([library], now)
    (library.parent / "bad.md").write_bytes(b"\x00")
    assert index.add([library.parent / "bad.md"], now).skipped[0][1] == "binary, not text"
    assert index.status().sources == (str(library),)
    shutil.move(library, library.with_name("elsewhere"))
    report = index.refresh(now)
    assert report.removed == 0
    assert "4 documents are kept" in report.skipped[0][1]
    assert index.status().documents == 4


def test_a_file_added_alone_goes_when_it_is_deleted(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    file = library / "runbooks/disk.md"
    assert index.add([file], now, kind=DocumentKind.INCIDENT).added == 1
    assert index.search_now("volume")[0].kind is DocumentKind.INCIDENT
    file.unlink()
    assert index.refresh(now).removed == 1


def test_records_come_and_go_one_by_one(opened: OpenIndex, tmp_path: Path, now: datetime) -> None:
    index = opened(vectors="exact")
    table = tmp_path / "past.csv"
    table.write_text("id,title,cause\nA,first thing,alpha\nB,second thing,beta\n")
    assert index.add([table], now).added == 2
    table.write_text("id,title,cause\nB,second thing,gamma\nC,third thing,delta\n")
    assert index.refresh(now) == IngestReport(added=1, updated=1, removed=1)
    hit = index.search_now("gamma", kind=DocumentKind.INCIDENT)[0]
    assert (hit.metadata["id"], hit.path) == ("B", f"{table}#B")


def test_remove(opened: OpenIndex, library: Path, now: datetime) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    assert index.remove(library / "incidents").removed == 1
    assert index.remove(library).removed == 3
    assert index.status().sources == ()
    with pytest.raises(KnowledgeError, match=r"nothing of .* is indexed"):
        index.remove(library)


def test_progress_comes_after_the_documents_are_stored(
    opened: OpenIndex, library: Path, now: datetime, engine: Engine
) -> None:
    seen: list[tuple[int, int, bool]] = []

    def progress(done: int, total: int, path: str) -> None:
        seen.append((done, total, path in DocumentStore(engine).stored()))

    opened(vectors="exact").add([library], now, progress=progress)
    assert seen == [(1, 4, True), (2, 4, True), (3, 4, True), (4, 4, True)]


def test_another_model_never_meets_the_old_vectors(
    opened: OpenIndex, library: Path, now: datetime, other_words: WordEmbedder
) -> None:
    first = opened(vectors="exact")
    first.add([library], now)
    first.close()
    other_words.gate = gate = threading.Event()
    index = opened(vectors="exact", embedder=other_words)
    # Until the background has made the other model's vectors, words find.
    assert index.search_now("certificate")[0].title == "Certificate expired"
    status = index.status()
    assert status.vectors == "none"
    assert status.stale == status.chunks
    assert "are being embedded by other-words" in status.notes[0]
    gate.set()
    assert index._mending.wait(30)
    status = index.status()
    assert (status.stale, status.vectors, status.notes) == (0, "exact", ())
    assert index.search_now("certificate")[0].title == "Certificate expired"
    assert index.refresh(now).unchanged == 4


def test_mending_that_was_cut_short_goes_on_with_the_next_process(
    opened: OpenIndex, library: Path, now: datetime, other_words: WordEmbedder
) -> None:
    first = opened(vectors="exact")
    first.add([library], now)
    first.close()
    other_words.gate = gate = threading.Event()
    index = opened(vectors="exact", embedder=other_words)
    index.search_now("certificate")
    threading.Timer(0.05, gate.set).start()
    index.close()
    assert index.status().stale > 0
    again = opened(vectors="exact", embedder=other_words)
    again.search_now("certificate")
    assert again._mending.wait(30)
    assert again.status().stale == 0
