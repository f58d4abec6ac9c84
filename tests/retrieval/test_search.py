from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from retrieval.embedding.minilm import MiniLM
from retrieval.knowledge import KnowledgeIndex
from retrieval.values import DocumentKind, KnowledgeSource

if TYPE_CHECKING:
    from conftest import OpenIndex


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("the app dies right away every time it is started", "Pods crash looping"),
        ("KubePodCrashLooping", "Pods crash looping"),
        ("no room left for writing data", "Volume is filling up"),
        ("KubePersistentVolumeFillingUp", "Volume is filling up"),
        ("browser says the site's identity is not trusted any more", "Certificate expired"),
        ("INC-42", "Bookings failed after a password rotation"),
        ("service account lost its rights in mongo", "Bookings failed after a password rotation"),
    ],
)
async def test_a_paraphrase_and_an_identifier_rank_first(
    opened: OpenIndex, library: Path, now: datetime, minilm: MiniLM, query: str, title: str
) -> None:
    index = opened(embedder=minilm, vectors="exact")
    index.add([library], now)
    source: KnowledgeSource = index
    hits = await source.search(query)
    assert hits[0].title == title
    assert len({hit.document for hit in hits}) == len(hits)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_filters_and_what_a_hit_tells(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    (hit,) = await index.search("login revoked", kind=DocumentKind.INCIDENT)
    assert hit.kind is DocumentKind.INCIDENT
    assert hit.metadata["fix"] == "granted the role again"
    assert hit.metadata["held"] == "true"
    assert hit.metadata["date"] == "2026-01-05"
    assert hit.path == str(library / "incidents/inc-42.md")
    assert hit.text and not hit.builtin
    runbooks = await index.search("login revoked", kind=DocumentKind.RUNBOOK)
    assert {each.kind for each in runbooks} <= {DocumentKind.RUNBOOK}
    assert len(await index.search("check the fix", limit=2)) == 2
    assert await index.search("  ") == []
    assert await index.search("certificate", limit=0) == []


async def test_an_empty_index_finds_nothing(opened: OpenIndex) -> None:
    assert await opened().search("anything") == []


async def test_a_very_long_query_and_odd_characters(
    opened: OpenIndex, library: Path, now: datetime, minilm: MiniLM
) -> None:
    index = opened(embedder=minilm, vectors="exact")
    index.add([library], now)
    assert (await index.search("certificate expired " * 5000))[0].title == "Certificate expired"
    await index.search("'; DROP TABLE knowledge_documents; -- \x00 \ud800 ☃")
    assert index.status().documents == 4


async def test_without_a_model_words_still_find(
    opened: OpenIndex, library: Path, now: datetime, tmp_path: Path, minilm: MiniLM
) -> None:
    index = opened(embedder=MiniLM(tmp_path / "no-model"), vectors="exact")
    assert index.add([library], now).added == 4
    assert (await index.search("certificate dates"))[0].title == "Certificate expired"
    status = index.status()
    assert status.vectors == "none"
    assert "searching by words only" in status.notes[0]
    index.close()
    repaired = opened(embedder=minilm, vectors="exact")
    repaired.refresh(now)
    assert repaired.status().stale == 0


def test_built_in_documents_can_be_left_out(engine: Engine, data: Path, minilm: MiniLM) -> None:
    with KnowledgeIndex.open(engine, data, embedder=minilm) as index:
        hits = index.search_now("container killed by the kernel, exit code 137")
        assert hits and all(hit.builtin for hit in hits)
        assert hits[0].path.startswith("built-in/runbooks/")
        assert index.status().builtin > 0
    with KnowledgeIndex.open(engine, data, embedder=minilm, builtin=False) as index:
        assert index.search_now("container killed by the kernel, exit code 137") == []
        assert index.status().documents == 0


def test_searching_loads_neither_llama_index_nor_chroma(
    engine: Engine, data: Path, minilm: MiniLM
) -> None:
    KnowledgeIndex.open(engine, data, embedder=minilm).close()
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import retrieval.knowledge\n"
        "assert not {'numpy', 'sqlalchemy', 'yaml'} & set(sys.modules), 'import is not cheap'\n"
        "from sqlalchemy import create_engine\n"
        "from retrieval.knowledge import KnowledgeIndex\n"
        f"engine = create_engine({str(engine.url)!r})\n"
        f"index = KnowledgeIndex.open(engine, Path({str(data)!r}))\n"
        "assert index.search_now('image cannot be pulled')[0].builtin\n"
        "print([name for name in ('llama_index', 'chromadb') if name in sys.modules])\n"
        "index.close()\n"
    )
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout.strip()) == (0, "[]"), finished.stderr
