from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from retrieval.errors import IndexLocked, KnowledgeError
from retrieval.knowledge import KnowledgeIndex

if TYPE_CHECKING:
    from conftest import OpenIndex

SECOND = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import create_engine
from retrieval.errors import IndexLocked
from retrieval.knowledge import KnowledgeIndex

index = KnowledgeIndex.open(create_engine(sys.argv[1]), Path(sys.argv[2]), builtin=False)
print(index.search_now("KubePodCrashLooping")[0].title)
status = index.status()
print(status.owner, status.vectors, status.notes[0])
try:
    index.add([Path(sys.argv[3])], datetime.now(UTC))
except IndexLocked as error:
    print(error)
index.close()
"""


def test_a_second_process_searches_and_changes_nothing(
    opened: OpenIndex, library: Path, now: datetime, engine: Engine, data: Path
) -> None:
    owner = opened(vectors="chroma")
    owner.add([library], now)
    before = sorted(str(file) for file in data.rglob("*"))
    arguments = [str(engine.url), str(data), str(library)]
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", SECOND, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    title, status, refusal = finished.stdout.splitlines()
    assert title == "Pods crash looping"
    assert status.startswith("False none process ") and "owns" in status
    assert "can be searched but not changed here" in refusal
    assert sorted(str(file) for file in data.rglob("*")) == before


async def test_a_reader_sees_what_the_owner_adds_and_inherits_the_folder(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    owner, reader = opened(vectors="chroma"), opened(vectors="chroma")
    assert (owner.owner, reader.owner) == (True, False)
    assert await reader.search("certificate") == []
    owner.add([library], now)
    assert (await reader.search("certificate"))[0].title == "Certificate expired"
    assert reader.status().vectors == "exact"
    for change in (lambda: reader.refresh(now), lambda: reader.rebuild()):
        with pytest.raises(IndexLocked, match="process"):
            change()
    owner.close()
    assert reader.refresh(now).unchanged == 4
    assert reader.owner


def test_a_folder_that_cannot_be_made(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KnowledgeError, match="choose one that can be written"):
        KnowledgeIndex.open(engine, tmp_path / "file" / "data")
