"""The built-in library: runbooks for what goes wrong in every cluster."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from retrieval.documents import Document
from retrieval.errors import UnreadableFile
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_log = logging.getLogger(__name__)

VECTORS = Path(__file__).parent / "embeddings.npz"
"""Vectors of the packaged runbooks, made by `python -m retrieval.library.build`."""

PREFIX = "built-in/"


def runbook_folder() -> Path:
    """Return the folder of the packaged runbooks."""
    return Path(__file__).parent / "runbooks"


def packaged_documents(folder: Path | None = None) -> list[Document]:
    """Return the packaged runbooks; their paths are the same on every machine.

    A file that cannot be read is a fault of the package and raises `UnreadableFile`.
    """
    from retrieval.ingestion.loaders import load

    documents: list[Document] = []
    for file in sorted((folder or runbook_folder()).glob("*.md")):
        name = f"{PREFIX}runbooks/{file.name}"
        try:
            loaded = load(file, kind=DocumentKind.RUNBOOK, name=name, builtin=True)
        except UnreadableFile as error:
            raise UnreadableFile(f"the built-in runbook {file}: {error}") from error
        documents.extend(
            Document(d.path, d.path, d.kind, d.title, d.text, d.metadata, builtin=True)
            for d in loaded.documents
        )
    return documents


def packaged_vectors(embedder: str) -> dict[str, Vectors]:
    """Return the packaged vectors by passage id; none where they are of another model."""
    import numpy as np

    try:
        with VECTORS.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            if str(data["embedder"]) != embedder:
                return {}
            vectors = data["vectors"].astype(np.float32)
            ids = data["ids"].tolist()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        _log.warning("%s is damaged (%s): the built-in runbooks are embedded anew", VECTORS, error)
        return {}
    return dict(zip(ids, vectors, strict=True))
