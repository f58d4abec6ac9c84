"""A database, a data folder and embedders. Chroma, SQLite and the bundled model are the real ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine

from retrieval.embedding.minilm import MiniLM
from retrieval.indexes.words import terms
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

NOW = datetime(2026, 3, 4, 3, 12, tzinfo=UTC)

CRASH_LOOP = """---
title: Pods crash looping
alerts: [KubePodCrashLooping]
symptoms: [container exits right after it started]
kind: runbook
---
# Pods crash looping

## Check first
Read the previous container's log: `kubectl logs --previous`.

## Fix
Roll back the release that broke it.
"""
DISK = """---
title: Volume is filling up
alerts: [KubePersistentVolumeFillingUp]
---
# Volume is filling up

## Check first
Look at the free space of the volume and at what writes to it.

## Fix
Extend the claim, or delete old files.
"""
CERTIFICATE = """---
title: Certificate expired
alerts: [CertManagerCertExpirySoon]
---
# Certificate expired

## Check first
Read the dates of the certificate that the ingress presents.

## Fix
Renew it by hand and restart the issuer.
"""
INCIDENT = """---
id: INC-42
title: Bookings failed after a password rotation
date: 2026-01-05
severity: 1
services: [rate, mongodb-rate]
alerts: [HighErrorRate]
cause: the database login of rate was revoked
fix: granted the role again
held: true
status: resolved
---
## Timeline
At 03:00 the error share of search rose to 40 %.

## Root cause
The nightly job revoked the role readWrite of the user that the rate service logs in with.
"""


class WordEmbedder:
    """Vectors from hashed terms: instant, and counts what it was asked for.

    With a `gate` the background waits before it embeds.
    """

    def __init__(self, name: str = "words", dimension: int = 64) -> None:
        self._name = name
        self._dimension = dimension
        self.texts: list[str] = []
        self.gate: threading.Event | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.gate is not None and threading.current_thread().name == "mending":
            assert self.gate.wait(30)
        self.texts.extend(texts)
        rows = np.full((len(texts), self._dimension), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                rows[row, crc32(term.encode()) % self._dimension] += 1
        normalised: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return normalised


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    return MiniLM(threads=1)


@pytest.fixture
def words() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def other_words() -> WordEmbedder:
    return WordEmbedder("other-words", 32)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path}/knowledge.db")
    with made.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    create_tables(made)
    yield made
    made.dispose()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A team's folder: three runbooks and a past incident."""
    root = tmp_path / "team"
    for name, text in (
        ("runbooks/crash-loop.md", CRASH_LOOP),
        ("runbooks/disk.md", DISK),
        ("runbooks/certificate.md", CERTIFICATE),
        ("incidents/inc-42.md", INCIDENT),
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


OpenIndex = Callable[..., KnowledgeIndex]


@pytest.fixture
def opened(engine: Engine, data: Path, words: WordEmbedder) -> Iterator[OpenIndex]:
    """Opens indexes without built-in documents and closes them all at the end."""
    made: list[KnowledgeIndex] = []

    def open_index(**options: object) -> KnowledgeIndex:
        settings: dict[str, object] = {"embedder": words, "builtin": False, **options}
        index = KnowledgeIndex.open(engine, data, **settings)  # type: ignore[arg-type] # free options
        made.append(index)
        return index

    yield open_index
    for index in made:
        index.close()
