"""A knowledge base of any size for measurements: generated documents, random vectors.

Embedding 100,000 passages takes half an hour and changes nothing about how long a search takes: the vectors
here are random directions of the model's length. Texts have words by Zipf's law, as real ones do, because
common words are what a lexical search spends its time on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from retrieval.documents import Document, Embedded
from retrieval.embedding.protocol import Embedder
from retrieval.ingestion.splitting import CHUNKER, split
from retrieval.store import DocumentStore
from retrieval.values import DocumentKind

HEADINGS = ("Meaning", "Symptoms", "Impact", "Check first", "Diagnosis", "Fix", "Verify")
COMMON = [
    "pod",
    "service",
    "deployment",
    "replica",
    "node",
    "volume",
    "secret",
    "config",
    "latency",
    "error",
    "timeout",
    "restart",
    "memory",
    "cpu",
    "limit",
    "quota",
    "image",
    "registry",
    "certificate",
    "database",
    "connection",
    "pool",
    "queue",
    "cache",
    "request",
    "retry",
    "rollout",
    "rollback",
    "scale",
    "traffic",
    "network",
    "policy",
    "name",
    "resolve",
    "log",
    "event",
    "probe",
    "container",
    "kubelet",
    "cluster",
    "failed",
    "killed",
    "disk",
    "space",
    "full",
]
RARE = 30_000


def documents(passages: int, seed: int = 1) -> Iterator[Document]:
    """Yield documents that are split into about so many passages."""
    chance = np.random.default_rng(seed)
    vocabulary = [*COMMON, *(f"w{number:x}" for number in range(RARE))]
    shares = 1 / np.arange(1, len(vocabulary) + 1)
    shares /= shares.sum()
    for number in range(max(1, passages // (len(HEADINGS) + 1))):
        words = iter(chance.choice(len(vocabulary), size=140 * len(HEADINGS), p=shares).tolist())
        parts = [f"# Case {number}: {' '.join(vocabulary[next(words)] for _ in range(4))}"]
        for heading in HEADINGS:
            text = " ".join(vocabulary[next(words)] for _ in range(int(chance.integers(60, 130))))
            parts.append(f"## {heading}\n\n{text}.")
        path = f"/runbooks/{number}.md"
        title = parts[0].lstrip("# ")
        yield Document(path, path, DocumentKind.RUNBOOK, title, "\n\n".join(parts))


def fill(store: DocumentStore, embedder: Embedder, passages: int, now: datetime) -> None:
    """Store generated documents with random vectors."""
    chance = np.random.default_rng(2)
    for document in documents(passages):
        chunks = tuple(split(document.id, document.title, document.glance, document.text))
        rows = chance.standard_normal((len(chunks), embedder.dimension)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        store.put(
            document,
            Embedded(chunks, tuple(rows)),
            embedder=embedder.name,
            chunker=CHUNKER,
            now=now,
        )
