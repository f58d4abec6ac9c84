"""Keeps a folder in step with a document source, so that the folder can be indexed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from connectors.api.values import Documents, RemoteDocument

_FOLDERS = {"runbook": "runbooks", "incident": "incidents"}
_MARKDOWN = (".md", ".markdown")
_UNSAFE = re.compile(r"[^\w.,@+()\[\] -]")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What `mirror` did, in numbers of files."""

    written: int
    unchanged: int
    removed: int


def mirror(documents: Documents, folder: Path) -> Mirrored:
    """Write the documents under `folder` and remove what is no longer among them.

    Files that have not changed are not touched. Raises `OSError`.
    """
    wanted = {_place(folder, one): _content(one) for one in documents.documents}
    present = {file for file in folder.rglob("*") if file.is_file()} if folder.is_dir() else set()
    written = 0
    for file, content in wanted.items():
        data = content.encode("utf-8", "replace")
        if file in present and file.read_bytes() == data:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        written += 1
    gone = present - wanted.keys()
    for file in gone:
        file.unlink()
    return Mirrored(written, len(wanted) - written, len(gone))


def _place(folder: Path, document: RemoteDocument) -> Path:
    """Return where a document lies: always within its kind's folder."""
    parts = [
        # A hidden file would not be indexed.
        _UNSAFE.sub("-", part).lstrip(".~")[-150:] or "-"
        for part in PurePosixPath(document.path).parts
        if part not in ("/", ".", "..")
    ]
    return folder.joinpath(_FOLDERS[document.kind], *(parts or ["document.md"]))


def _content(document: RemoteDocument) -> str:
    own = document.content.lstrip().startswith("---")
    if own or not document.metadata or not document.path.endswith(_MARKDOWN):
        return document.content
    return f"---\n{_front_matter(document.metadata)}---\n\n{document.content}"


def _front_matter(metadata: Mapping[str, str]) -> str:
    # A JSON text is a YAML text, whatever stands in it.
    return "".join(
        f"{re.sub(r'[^a-z0-9_]+', '_', name.lower())}: {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in metadata.items()
    )
