"""Documents and the passages they are searched by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from retrieval.ingestion.markup import bare
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

Progress = Callable[[int, int, str], None]
"""Called with (done, total, path) whenever a file's documents are safely stored."""

GLANCE = "At a glance"
"""The section that is made of a document's front matter."""

_GLANCE_FIELDS = (
    "id",
    "alerts",
    "symptoms",
    "services",
    "causes",
    "cause",
    "fix",
    "held",
    "tags",
    "description",
)


class View(StrEnum):
    """How much of a document one passage shows."""

    WHOLE = "whole"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class Document:
    """One runbook or past incident as read from its source.

    `path` names it for people and forever (a file, or `file#id` for one of many in a file); `file`
    is the file it came from. `text` is Markdown without front matter; `metadata` the front matter.
    """

    path: str
    file: str
    kind: DocumentKind
    title: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    builtin: bool = False

    @property
    def id(self) -> str:
        """The same for the same path, everywhere."""
        return digest("document", self.path)

    @property
    def content_hash(self) -> str:
        """Changes when anything that is searched or shown changes."""
        metadata = json.dumps(dict(self.metadata), sort_keys=True)
        return digest(self.kind, self.title, self.text, metadata, str(self.builtin))

    @property
    def glance(self) -> str:
        """The searchable front matter, one `Field: value` line each."""
        return glance(self.metadata)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage of a document. `input` is what is embedded and indexed, `text` what is shown."""

    id: str
    view: View
    ordinal: int
    section: str
    text: str
    input: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """A document's passages with one vector each; None where the model could not be used."""

    chunks: tuple[Chunk, ...]
    vectors: tuple[Vectors | None, ...]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingestion did, counted in documents. `skipped` holds (path, reason) pairs."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def line(self) -> str:
        """What a refresh did, in one line."""
        return f"{self.added} added, {self.updated} updated, {self.removed} removed"

    def __add__(self, other: IngestReport) -> IngestReport:
        """Return both reports as one."""
        return IngestReport(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.removed + other.removed,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The state of an index.

    `owner` is whether this process may change it; `vectors` what answers searches by meaning now
    ("exact", "chroma" or "none"); `chroma` the state of the derived Chroma index ("ready", "behind",
    "building", "broken" or "absent"); `stale` how many passages have no vector of the current model;
    `notes` what a person should know, one line each; `telemetry` how many documents were made of logs and
    traces, beside the `documents` that people wrote.
    """

    documents: int
    chunks: int
    runbooks: int
    incidents: int
    builtin: int
    sources: tuple[str, ...]
    embedder: str
    stale: int
    owner: bool
    vectors: str
    chroma: str
    revision: int
    updated_at: datetime | None = None
    notes: tuple[str, ...] = ()
    telemetry: int = 0


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that name these parts in this order."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.hexdigest()[:32]


def glance(metadata: Mapping[str, str]) -> str:
    """Return the searchable part of front matter, one `Field: value` line each."""
    return "\n".join(
        f"{name.capitalize()}: {metadata[name]}" for name in _GLANCE_FIELDS if metadata.get(name)
    )


def whole_input(title: str, glance_text: str, text: str) -> str:
    """Return what is embedded and indexed for a whole document."""
    return "\n".join(part for part in (title, glance_text, bare(text)) if part)


def section_input(title: str, section: str, text: str) -> str:
    """Return what is embedded and indexed for a section: its title path in front."""
    heading = f"{title} > {section}" if section else title
    return f"{bare(heading)}\n{bare(text)}"
