from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import Engine

from retrieval.embedding.minilm import MiniLM
from retrieval.indexes import situations
from retrieval.indexes.ideas import expansions
from retrieval.indexes.words import spoken
from retrieval.knowledge import KnowledgeIndex
from retrieval.values import BuiltIn, DocumentKind

if TYPE_CHECKING:
    from conftest import OpenIndex

HOW = "run `python -m retrieval.library.build`"


def test_the_packaged_vectors_are_those_of_the_situations(minilm: MiniLM) -> None:
    table = situations.situations()
    for at in range(0, len(table), 9):
        written, asked = table[at]
        (vector,) = minilm.embed([spoken(asked[0])])
        found = situations.matches(vector, minilm.name)
        assert found, HOW
        assert max(match.weight for match in found) > 0.9, (written, HOW)
    assert situations.matches(vector, "another model") == []


def test_what_nobody_says_of_a_cluster_is_no_situation(minilm: MiniLM) -> None:
    for text in ("a recipe for apple pie with cinnamon", "who won the cup final in 1974"):
        assert situations.matches(minilm.embed([text])[0], minilm.name) == []


def test_a_damaged_or_older_file_is_no_situation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minilm: MiniLM
) -> None:
    vector = minilm.embed(["the disk is nearly full"])[0]
    monkeypatch.setattr(situations, "VECTORS", tmp_path / "none.npz")
    situations._vectors.cache_clear()
    try:
        assert situations.matches(vector, minilm.name) == []
        situations._vectors.cache_clear()
        np.savez(
            tmp_path / "none.npz",
            embedder=np.array(minilm.name),
            asked=np.ones((1, 384)),
            written=np.ones((1, 384)),
            starts=np.array([0]),
        )
        assert situations.matches(vector, minilm.name) == []
    finally:
        situations._vectors.cache_clear()


def test_ideas_are_found_in_phrases_and_in_every_form() -> None:
    assert any("CrashLoopBackOff" in words for words in expansions("It KEEPS DYING!"))
    assert expansions("can't connect") == expansions("cant connect")
    assert expansions("") == []


def test_a_misspelt_and_a_colloquial_question_find_the_runbook(
    opened: OpenIndex, library: Path, now: datetime, minilm: MiniLM
) -> None:
    index = opened(embedder=minilm, vectors="exact")
    index.add([library], now)
    for query, title in (
        ("certifcate expird", "Certificate expired"),
        ("it falls over again and again as soon as it is up", "Pods crash looping"),
        ("no room left on the drive", "Volume is filling up"),
    ):
        assert index.search_now(query)[0].title == title


def test_built_in_runbooks_come_after_those_of_the_team(
    engine: Engine, data: Path, library: Path, now: datetime, minilm: MiniLM
) -> None:
    with KnowledgeIndex.open(engine, data, embedder=minilm, vectors="exact") as index:
        index.add([library], now)
        runbooks = DocumentKind.RUNBOOK
        for query in ("pods are crash looping", "image cannot be pulled from the registry"):
            hits = index.search_now(query, kind=runbooks, limit=10, builtin=BuiltIn.LAST)
            assert [hit.builtin for hit in hits] == [False] * 3 + [True] * 7
            hits = index.search_now(query, limit=10, builtin=BuiltIn.NEVER)
            assert hits and not any(hit.builtin for hit in hits)
        near = index.search_now("pods are crash looping", kind=runbooks)
        assert near[0].title == "Pods crash looping" and not near[0].builtin
        # Nothing of the team is about images.
        far = index.search_now("image cannot be pulled from the registry", kind=runbooks)
        assert far[0].builtin
