"""The corpus and its vectors as files, so that a new process answers without reading every passage.

A snapshot is of one state of the store; it is put in place in one step and read by mapping it into memory. Whatever
is wrong with it, it is left aside and made again from the store.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.documents import View
from retrieval.indexes.corpus import TITLES, Corpus, Entry, Passages
from retrieval.indexes.lexical import LexicalIndex
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

FORMAT = 1
_MARK, _ENTRIES = "mark.json", "entries.json"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True)
class Held:
    """Vectors of one model for the passages of both views, zeros where there is none."""

    whole: Vectors
    sections: Vectors


def save_corpus(folder: Path, state: str, corpus: Corpus) -> None:
    """Keep a corpus; its lexical indexes are kept beside it by themselves."""
    import numpy as np

    entries = [[each.id, each.kind.value, each.builtin] for each in corpus.entries]

    def fill(beside: Path) -> None:
        (beside / _ENTRIES).write_text(json.dumps(entries), encoding="utf-8")
        for passages in (corpus.whole, corpus.sections):
            np.save(beside / f"{passages.view}-ids.npy", np.array(passages.ids, dtype="S32"))
            np.save(beside / f"{passages.view}-owner.npy", passages.owner)

    mark = {"state": state, "fingerprint": corpus.fingerprint, "revision": corpus.revision}
    _replace(folder / "corpus", mark, fill)


def load_corpus(folder: Path, state: str) -> Corpus | None:
    """Return the corpus of exactly this state of the store, None where there is none to be had."""
    import numpy as np

    place = folder / "corpus"
    with contextlib.suppress(*_DAMAGED):
        mark = _mark(place)
        if mark["state"] != state:
            return None
        rows = json.loads((place / _ENTRIES).read_text(encoding="utf-8"))
        entries = tuple(Entry(id, DocumentKind(kind), bool(own)) for id, kind, own in rows)
        views: dict[View, Passages] = {}
        for view in View:
            ids = np.load(place / f"{view}-ids.npy", allow_pickle=False)
            owner = np.load(place / f"{view}-owner.npy", allow_pickle=False)
            lexical = LexicalIndex.load(folder / f"lexical-{view}", mark["fingerprint"])
            if lexical is None or not len(ids) == len(owner) == lexical.size:
                return None
            if len(owner) and not 0 <= int(owner.min()) <= int(owner.max()) < len(entries):
                return None
            names = tuple(np.char.decode(ids, "ascii").tolist())
            views[view] = Passages(view, names, owner, lexical)
        titles = LexicalIndex.load(folder / TITLES, mark["fingerprint"])
        if titles is None or titles.size != len(entries):
            return None
        return Corpus(
            int(mark["revision"]),
            str(mark["fingerprint"]),
            entries,
            views[View.WHOLE],
            views[View.SECTION],
            titles,
        )
    return None


def save_vectors(folder: Path, embedder: str, corpus: Corpus, held: Held) -> None:
    """Keep the vectors of a corpus."""
    import numpy as np

    def fill(beside: Path) -> None:
        np.save(beside / "whole.npy", held.whole)
        np.save(beside / "section.npy", held.sections)

    _replace(folder / "vectors", {"embedder": embedder, "fingerprint": corpus.fingerprint}, fill)


def load_vectors(folder: Path, embedder: str, corpus: Corpus, dimension: int) -> Held | None:
    """Return the vectors of exactly this corpus and model, mapped; None where there are none."""
    import numpy as np

    place = folder / "vectors"
    with contextlib.suppress(*_DAMAGED):
        mark = _mark(place)
        if mark["embedder"] != embedder or mark["fingerprint"] != corpus.fingerprint:
            return None
        whole, sections = (
            np.load(place / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("whole", "section")
        )
        expected = ((len(corpus.whole.ids), dimension), (len(corpus.sections.ids), dimension))
        if (
            whole.shape,
            sections.shape,
        ) == expected and whole.dtype == sections.dtype == np.float32:
            return Held(np.asarray(whole), np.asarray(sections))
    return None


def forget(folder: Path) -> None:
    """Remove what is kept, and the lexical indexes with it."""
    for name in ("corpus", "vectors", TITLES, *(f"lexical-{view}" for view in View)):
        shutil.rmtree(folder / name, ignore_errors=True)


def _mark(place: Path) -> dict[str, Any]:
    mark = json.loads((place / _MARK).read_text(encoding="utf-8"))
    if mark["format"] != FORMAT:
        raise ValueError("of another format")
    return dict(mark)


def _replace(place: Path, mark: dict[str, Any], fill: Callable[[Path], None]) -> None:
    beside = place.with_name(f"{place.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    fill(beside)
    # Last, so that a folder with a mark is whole.
    (beside / _MARK).write_text(json.dumps({"format": FORMAT, **mark}), encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    beside.rename(place)
