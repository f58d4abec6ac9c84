"""The Chroma index: derived from the store, checked before it is trusted, replaceable."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.documents import Progress, View
from retrieval.errors import VectorIndexAway, VectorIndexBroken
from retrieval.indexes import canary
from retrieval.indexes.corpus import Corpus, Passages
from retrieval.indexes.dense import Best
from retrieval.indexes.places import Place, failing
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding.protocol import Vectors
    from retrieval.store import DocumentStore

_log = logging.getLogger(__name__)

_BATCH = 500
_SAMPLE = 48


class ChromaIndex:
    """One collection per kind, view and embedder, each passage under its id.

    Only the owner of the data folder may use it. A write is marked in `folder` before and unmarked after,
    so that an unclean end shows. What fails is left behind for a new generation.
    """

    def __init__(self, place: Place, folder: Path, store: DocumentStore, embedder: str) -> None:
        self._place = place
        self._folder = folder
        self._store = store
        self._embedder = embedder
        self._client: Any = None
        self._collections: dict[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """Names the corpus that the index on disk holds; "" when unknown or of another model."""
        mark = self._mark()
        same = mark.get("embedder") == self._embedder and self._here(mark)
        same = same and not self._dirty.exists()
        return str(mark.get("fingerprint", "")) if same else ""

    def bring_up(self, corpus: Corpus, progress: Progress | None = None) -> None:
        """Open the index and make it hold exactly the corpus, anew where it is not sound.

        Raise `VectorIndexAway` when nobody answers, `VectorIndexBroken` when even a new one is not sound.
        """
        try:
            if self._client is None:
                self._open(corpus)
            self._catch_up(corpus, progress)
        except VectorIndexAway:
            self.close()
            raise
        except VectorIndexBroken as error:
            _log.warning("the Chroma index is made anew: %s", error)
            self.start_anew()
            self._open(corpus)
            self._catch_up(corpus, progress)

    def start_anew(self) -> None:
        """Leave the present generation for an empty one."""
        self.close()
        old = self._generation
        self._write_mark({"generation": old + 1, "place": self._place.name})
        self._place.discard(old)
        self._place.discard(old + 1)
        self._dirty.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the folder back."""
        self._collections.clear()
        if self._client is not None:
            client, self._client = self._client, None
            self._place.close(client)

    def nearest(
        self,
        query: Vectors,
        corpus: Corpus,
        passages: Passages,
        allowed: NDArray[np.bool_],
        kind: DocumentKind | None,
        count: int,
    ) -> dict[int, Best]:
        """Return the best passage of each of the `count` nearest allowed documents of a view."""
        ranked: list[tuple[float, int]] = []
        for each in DocumentKind if kind is None else (kind,):
            collection = self._collections.get(self._name(each, passages.view))
            if collection is not None:
                ranked += self._ranked(collection, query, passages, allowed, count)
        found: dict[int, Best] = {}
        for score, position in sorted(ranked, key=lambda pair: (-pair[0], pair[1])):
            document = int(passages.owner[position])
            if len(found) == count:
                break
            if score > 0:
                found.setdefault(document, Best(position, score))
        return found

    def _ranked(
        self,
        collection: Any,
        query: Vectors,
        passages: Passages,
        allowed: NDArray[np.bool_],
        count: int,
    ) -> list[tuple[float, int]]:
        """Ask for more until enough documents are found: a filter in Chroma costs far more."""
        with failing("searching"):
            total = collection.count()
        wanted = min(total, 2 * count)
        while wanted:
            with failing("searching"):
                answer = collection.query(
                    query_embeddings=[query], n_results=wanted, include=["distances"]
                )
            pairs = zip(answer["distances"][0], answer["ids"][0], strict=True)
            ranked = [
                (1.0 - distance, passages.positions[identity])
                for distance, identity in pairs
                if identity in passages.positions
                and allowed[passages.owner[passages.positions[identity]]]
            ]
            documents = {int(passages.owner[position]) for _, position in ranked}
            if wanted == total or len(documents) >= count:
                return ranked
            wanted = min(total, 4 * wanted)
        return []

    def _open(self, corpus: Corpus) -> None:
        ids = [identity for group in corpus.collections().values() for identity in group]
        unclean = self._dirty.exists()
        sample = self._sample(ids) if unclean else {}
        self._client = self._place.open(self._generation, sample, unclean=unclean)

    def _catch_up(self, corpus: Corpus, progress: Progress | None) -> None:
        names = {self._name(*key): ids for key, ids in corpus.collections().items()}
        mark = self._mark()
        counts = dict(mark.get("counts", {})) if self._here(mark) else {}
        held = mark.get("fingerprint") if self._here(mark) else None
        if held != corpus.fingerprint or self._dirty.exists():
            self._dirty.touch()
            _sync(self._folder)
            with failing("reading"):
                prefix = self._place.prefix(self._generation)
                for existing in self._client.list_collections():
                    if existing.name not in names and existing.name.startswith(prefix):
                        self._client.delete_collection(existing.name)
            done, total = 0, sum(len(ids) for ids in names.values())
            for name, ids in names.items():

                def step(some: int, name: str = name, before: int = done) -> None:
                    if progress is not None:
                        progress(before + some, total, f"chroma:{name}")

                counts[name] = self._fill(name, ids, step)
                done += len(ids)
                step(len(ids))
        self._attach(names, counts)
        self._write_mark(
            {
                "generation": self._generation,
                "place": self._place.name,
                "embedder": self._embedder,
                "fingerprint": corpus.fingerprint,
                "counts": {name: counts[name] for name in names},
            }
        )
        self._dirty.unlink(missing_ok=True)

    def _fill(self, name: str, ids: Sequence[str], step: Callable[[int], None]) -> int:
        """Make a collection hold exactly these passages, without those that have no vector.

        `step` is told how many are in place; what it raises ends the work. Return how many there are.
        """
        with failing("writing"):
            collection = self._client.get_or_create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
                metadata={"embedder": self._embedder},
            )
            held = set(collection.get(include=[])["ids"])
        wanted = set(ids)
        missing = [identity for identity in ids if identity not in held]
        surplus = sorted(held - wanted)
        for start in range(0, len(surplus), _BATCH):
            with failing("writing"):
                collection.delete(ids=surplus[start : start + _BATCH])
        for start in range(0, len(missing), _BATCH):
            step(len(ids) - len(missing) + start)
            blobs = self._store.vectors(self._embedder, missing[start : start + _BATCH])
            with failing("writing"):
                _add(collection, blobs)
        with failing("writing"):
            return int(collection.count())

    def _attach(self, names: dict[str, list[str]], counts: dict[str, int]) -> None:
        """Check each collection against a sample of the store, then use it."""
        attached: dict[str, Any] = {}
        for name, ids in names.items():
            sample = self._sample(ids)
            with failing("checking"):
                collection = self._client.get_collection(name, embedding_function=None)
                held = set(collection.get(ids=list(sample), include=[])["ids"])
                sound = collection.count() == counts.get(name) and held == set(sample)
                sound = sound and canary.finds(collection, sample)
            if not sound:
                raise VectorIndexBroken(f"{name} does not find what the store holds")
            attached[name] = collection
        self._collections = attached

    def _sample(self, ids: Sequence[str]) -> dict[str, Vectors]:
        import numpy as np

        step = max(1, len(ids) // _SAMPLE)
        blobs = self._store.vectors(self._embedder, ids[::step][: 2 * _SAMPLE])
        return {identity: np.frombuffer(blob, dtype="<f4") for identity, blob in blobs.items()}

    def _name(self, kind: DocumentKind, view: View) -> str:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self._embedder).strip("-")
        return f"{self._place.prefix(self._generation)}{kind}-{view}-{slug}"[:500]

    def _here(self, mark: dict[str, Any]) -> bool:
        return bool(mark.get("place", "embedded") == self._place.name)

    @property
    def _generation(self) -> int:
        return int(self._mark().get("generation", 1))

    @property
    def _dirty(self) -> Path:
        return self._folder / "chroma.dirty"

    def _mark(self) -> dict[str, Any]:
        try:
            mark = json.loads((self._folder / "chroma.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return mark if isinstance(mark, dict) else {}

    def _write_mark(self, mark: dict[str, Any]) -> None:
        beside = self._folder / "chroma.json.new"
        with beside.open("w", encoding="utf-8") as stream:
            json.dump(mark, stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self._folder / "chroma.json")


def _add(collection: Any, blobs: dict[str, bytes]) -> None:
    import numpy as np
    from llama_index.core.schema import BaseNode, TextNode
    from llama_index.vector_stores.chroma import ChromaVectorStore

    if not blobs:
        return
    # The texts stay in the store: here they would only be kept twice more.
    nodes: list[BaseNode] = [
        TextNode(id_=identity, embedding=np.frombuffer(blob, dtype="<f4").tolist())
        for identity, blob in blobs.items()
    ]
    ChromaVectorStore.from_collection(collection).add(nodes)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
