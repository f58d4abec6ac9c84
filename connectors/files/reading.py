"""One file to a document. PDF becomes text here; everything else stays what it is."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path

from connectors.api.errors import ConnectorError
from connectors.api.values import DocumentKind, Documents, RemoteDocument

PLAIN = frozenset(
    {".md", ".markdown", ".txt", ".text", ".rst", ".adoc", ".html", ".htm", ".json", ".jsonl", ".ndjson", ".csv"}
)  # fmt: skip
_MAX_BYTES = 20_000_000
_MAX_FILES = 20_000
_MAX_PAGES = 500


def read_folder(folder: Path, kind: DocumentKind) -> Documents:
    """Read every document under a folder, without hidden ones. Links out of it are not followed."""
    if not folder.is_dir():
        raise ConnectorError(f"the folder {folder} does not exist")
    root = folder.resolve()
    found: list[RemoteDocument] = []
    skipped: list[tuple[str, str]] = []
    for file in _files(root):
        name = file.relative_to(root).as_posix()
        if file.suffix.lower() not in (*PLAIN, ".pdf"):
            continue
        try:
            found.append(_read(root, file, name, kind))
        except (OSError, ValueError) as error:
            skipped.append((name, " ".join(str(error).split())[:200]))
    return Documents(tuple(found), tuple(skipped))


def pdf_text(data: bytes) -> str:
    """Return the text of a PDF as Markdown, a section per page. Raises `ValueError` with the reason."""
    if importlib.util.find_spec("pypdf") is None:
        raise ValueError("PDF needs an extra: pip install 'incident-copilot[pdf]'")
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("the PDF is encrypted")
        pages = [page.extract_text().strip() for page in reader.pages[:_MAX_PAGES]]
    except (PyPdfError, OSError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the PDF cannot be read: {error}") from error
    if not any(pages):
        raise ValueError("the PDF holds no text (a scan?)")
    if len(pages) == 1:
        return pages[0]
    return "\n\n".join(
        f"## Page {number}\n\n{text}" for number, text in enumerate(pages, 1) if text
    )


def _files(root: Path) -> Iterator[Path]:
    count = 0
    for file in sorted(root.rglob("*")):
        parts = file.relative_to(root).parts
        if any(part.startswith((".", "~")) or part == "node_modules" for part in parts):
            continue
        if file.is_file():
            count += 1
            if count > _MAX_FILES:
                raise ConnectorError(
                    f"{root} holds more than {_MAX_FILES} files: choose a subfolder"
                )
            yield file


def _read(root: Path, file: Path, name: str, kind: DocumentKind) -> RemoteDocument:
    if not file.resolve().is_relative_to(root):
        raise ValueError("a link that leads out of the folder")
    if file.stat().st_size > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES // 1_000_000} MB")
    data = file.read_bytes()
    if file.suffix.lower() == ".pdf":
        title = file.stem.replace("-", " ").replace("_", " ")
        return RemoteDocument(f"{name}.md", pdf_text(data), kind, {"title": title})
    if b"\x00" in data:
        raise ValueError("binary, not text")
    try:
        return RemoteDocument(name, data.decode("utf-8-sig"), kind)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start})") from error
