"""A process is killed at random moments of adding, refreshing and searching."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from retrieval.errors import IndexLocked
from retrieval.store import DocumentStore

if TYPE_CHECKING:
    from conftest import OpenIndex

FILES = 60

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from conftest import NOW, WordEmbedder
from sqlalchemy import create_engine
from retrieval.knowledge import KnowledgeIndex

index = KnowledgeIndex.open(
    create_engine(sys.argv[1]), Path(sys.argv[2]),
    embedder=WordEmbedder(), builtin=False, vectors=sys.argv[5],
)
report = lambda done, total, path: print(path, flush=True)
print("at work", flush=True)
index.add([Path(sys.argv[3])], NOW, progress=report)
print("done", flush=True)
while True:
    for file in sorted(Path(sys.argv[3]).glob("*.md"))[::7]:
        file.write_text(file.read_text() + "\\nOnce more.\\n")
    index.refresh(NOW)
    for number in range(0, 40, 9):
        assert index.search_now(f"unique{number}")
    print("done", flush=True)
"""


def write(folder: Path, files: int) -> None:
    """Fill a folder with documents of which each has a word of its own."""
    folder.mkdir()
    for number in range(files):
        text = f"# Case {number}\n\n## Check\nlook at unique{number}\n\n## Fix\nrepair it\n"
        (folder / f"{number:02}.md").write_text(text)


def killed(
    engine: Engine, data: Path, folder: Path, *, kills: int, seed: int, vectors: str, within: float
) -> int:
    """Kill a working process at random moments; after each everything it reported is stored.

    Return how many of them had finished their first run when they were killed.
    """
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    finished = 0
    for _ in range(kills):
        child = subprocess.Popen(
            [
                *(sys.executable, "-c", CHILD, str(engine.url), str(data), str(folder)),
                *(str(Path(__file__).parent), vectors),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        assert lines == ["at work\n"]
        time.sleep(chance.uniform(0, within))
        assert child.poll() is None, "it ended by itself"
        child.kill()
        text = child.communicate()[0]
        # The last line may be torn.
        lines += text[: text.rfind("\n") + 1].splitlines()
        finished += "done" in lines
        acknowledged |= {line for line in lines if line.endswith(".md")}
        assert acknowledged <= set(DocumentStore(engine).stored())
    return finished


@pytest.mark.parametrize(
    ("kills", "vectors"),
    [
        (3, "exact"),
        (2, "chroma"),
        pytest.param(20, "exact", marks=pytest.mark.matrix),
        pytest.param(20, "chroma", marks=pytest.mark.matrix),
    ],
)
def test_what_was_reported_is_there(
    engine: Engine,
    data: Path,
    tmp_path: Path,
    now: datetime,
    opened: OpenIndex,
    kills: int,
    vectors: str,
) -> None:
    folder = tmp_path / "runbooks"
    write(folder, FILES)
    killed(engine, data, folder, kills=kills, seed=7, vectors=vectors, within=0.6)
    whole(opened, now, vectors)


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_twenty_more_moments(
    engine: Engine, data: Path, tmp_path: Path, now: datetime, opened: OpenIndex, seed: int
) -> None:
    folder = tmp_path / "runbooks"
    write(folder, FILES)
    vectors = "exact" if seed % 2 else "chroma"
    for part in range(4):
        killed(engine, data, folder, kills=5, seed=4 * seed + part, vectors=vectors, within=3.0)
        # Each fifth opens, searches by words at least, and repairs itself before the next is killed.
        whole(opened, now, vectors)


def test_two_processes_cannot_change_the_same_folder(
    engine: Engine, data: Path, tmp_path: Path, now: datetime, opened: OpenIndex
) -> None:
    folder = tmp_path / "runbooks"
    write(folder, FILES)
    child = subprocess.Popen(
        [
            *(sys.executable, "-c", CHILD, str(engine.url), str(data), str(folder)),
            *(str(Path(__file__).parent), "exact"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "at work\n"
        own = tmp_path / "own"
        own.mkdir()
        (own / "mine.md").write_text("# Mine\n\nsomething mineonly\n")
        index = opened(vectors="exact")
        with pytest.raises(IndexLocked, match=f"process {child.pid} owns"):
            index.add([own], now)
        line = child.stdout.readline()
        while line != "done\n":
            assert line.endswith(".md\n")
            line = child.stdout.readline()
        # The owner's work is seen here without opening anew.
        assert index.search_now("unique59")[0].title == "Case 59"
    finally:
        child.kill()
        child.communicate()
    # Its end gives the folder free at once: the second is the owner now, and nothing is lost.
    assert index.add([own], now).added == 1
    assert index.search_now("mineonly")[0].title == "Mine"
    assert index.status().documents == FILES + 1


def whole(opened: OpenIndex, now: datetime, vectors: str) -> None:
    """Every document is there, found by its word, and the indexes are sound."""
    index = opened(vectors=vectors)
    # Before any repair: by words at least.
    if index.status().documents == FILES:
        assert index.search_now("unique7")[0].title == "Case 7"
    index.refresh(now)
    status = index.status()
    assert (status.documents, status.vectors) == (FILES, vectors)
    if vectors == "chroma":
        assert status.chroma == "ready"
    for number in range(0, FILES, 7):
        assert index.search_now(f"unique{number}")[0].title == f"Case {number}"
    index.close()
