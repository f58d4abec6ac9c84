"""One file to the documents in it."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path

from retrieval.documents import Document
from retrieval.errors import UnreadableFile
from retrieval.ingestion.front_matter import clean, split_front_matter
from retrieval.ingestion.html import html_to_markdown
from retrieval.ingestion.records import csv_records, json_line_records, json_records
from retrieval.values import DocumentKind

MARKDOWN = frozenset({".md", ".markdown", ".mdown"})
TEXT = frozenset({".txt", ".text", ".rst", ".adoc", ".log"})
HTML = frozenset({".html", ".htm"})
RECORDS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv"})
SUPPORTED = MARKDOWN | TEXT | HTML | RECORDS

MAX_TEXT_BYTES = 5_000_000
MAX_RECORD_BYTES = 100_000_000

_INCIDENT_FOLDERS = frozenset({"incident", "incidents", "postmortem", "postmortems"})
_RUNBOOK_FOLDERS = frozenset({"runbook", "runbooks", "playbook", "playbooks"})
_FIRST_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The documents of one file, and (place, reason) of the parts that could not be read."""

    documents: tuple[Document, ...]
    problems: tuple[tuple[str, str], ...] = ()


def load(
    file: Path, *, kind: DocumentKind | None = None, name: str = "", builtin: bool = False
) -> Loaded:
    """Read one file; raise `UnreadableFile` with the reason when nothing in it can be indexed.

    A document's kind is what it says itself, else `kind`, else what its nearest telling folder is
    called, else runbook (for a table: incident). `name` replaces the file's path as the document's.
    """
    suffix = file.suffix.lower()
    if suffix not in SUPPORTED:
        raise UnreadableFile(f"not a supported type ({suffix or 'no suffix'})")
    text = read_text(file, MAX_RECORD_BYTES if suffix in RECORDS else MAX_TEXT_BYTES)
    path = name or str(file)
    if suffix in RECORDS:
        return _table(file, suffix, text, kind or folder_kind(file), path, builtin)
    metadata: dict[str, str] = {}
    title = ""
    if suffix in HTML:
        title, text = html_to_markdown(text)
    else:
        metadata, text = split_front_matter(text)
    if not text.strip():
        raise UnreadableFile("no text in it")
    declared = _declared(metadata, kind or folder_kind(file) or DocumentKind.RUNBOOK)
    title = metadata.get("title") or title or _own_title(text, suffix, file)
    return Loaded((Document(path, str(file), declared, title, text, metadata, builtin),))


def read_text(file: Path, limit: int) -> str:
    """Return a file's text; raise `UnreadableFile` for whatever is not a text file of sane size."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile("not a regular file")
        if status.st_size > limit:
            raise UnreadableFile(f"larger than {limit // 1_000_000} MB")
        data = file.read_bytes()
    except OSError as error:
        raise UnreadableFile((error.strerror or type(error).__name__).lower()) from error
    if not data.strip():
        raise UnreadableFile("empty")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\x00" in data and not wide:
        raise UnreadableFile("binary, not text")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"not UTF-8 text (byte {error.start})") from error
    return clean(text)


def folder_kind(file: Path) -> DocumentKind | None:
    """Return what the nearest folder with a telling name says about a file."""
    for folder in file.parents:
        if folder.name.lower() in _INCIDENT_FOLDERS:
            return DocumentKind.INCIDENT
        if folder.name.lower() in _RUNBOOK_FOLDERS:
            return DocumentKind.RUNBOOK
    return None


def _table(
    file: Path, suffix: str, text: str, kind: DocumentKind | None, path: str, builtin: bool
) -> Loaded:
    if suffix in (".csv", ".tsv"):
        records, problems = csv_records(text)
    elif suffix == ".json":
        records, problems = json_records(text)
    else:
        records, problems = json_line_records(text)
    documents = []
    for name, metadata, body in records:
        try:
            declared = _declared(metadata, kind or DocumentKind.INCIDENT)
        except UnreadableFile as error:
            problems.append((name, str(error)))
            continue
        own = f"{path}#{name}" if name else path
        title = metadata.get("title") or metadata.get("id") or f"{file.stem} {name}".strip()
        documents.append(Document(own, str(file), declared, title, body, metadata, builtin))
    if not documents and not problems:
        raise UnreadableFile("no records in it")
    return Loaded(tuple(documents), tuple(problems))


def _declared(metadata: dict[str, str], default: DocumentKind) -> DocumentKind:
    said = metadata.get("kind", "").lower()
    if not said:
        return default
    if said in _INCIDENT_FOLDERS:
        return DocumentKind.INCIDENT
    if said in _RUNBOOK_FOLDERS:
        return DocumentKind.RUNBOOK
    raise UnreadableFile(f"unknown kind {said!r}: write runbook or incident")


def _own_title(text: str, suffix: str, file: Path) -> str:
    if suffix in TEXT:
        first = next(line.strip() for line in text.splitlines() if line.strip())
        return first if len(first) <= 120 else file.stem
    heading = _FIRST_HEADING.search(text)
    return heading.group(1) if heading else file.stem.replace("-", " ").replace("_", " ")
