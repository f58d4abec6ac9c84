"""Which files a folder holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def absolute(path: Path) -> Path:
    """Return the absolute path without following links.

    A mounted ConfigMap's files are links whose target is renamed with every change.
    """
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links


def files(root: Path, report: Callable[[str, str], None]) -> Iterator[Path]:
    """Yield the files under a folder in a stable order, without hidden files and folders.

    A folder that cannot be listed goes to `report` with the reason.
    """

    def unlisted(error: OSError) -> None:
        report(str(error.filename), (error.strerror or type(error).__name__).lower())

    for folder, folders, names in os.walk(root, onerror=unlisted):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(names):
            if not _hidden(name):
                yield Path(folder) / name


def _hidden(name: str) -> bool:
    return name.startswith((".", "~")) or name in ("node_modules", "__pycache__")


def signature(roots: Iterable[str]) -> str:
    """Return a text that changes when a file under the roots does, comes or goes; nothing is read.

    Links are followed: the files of a mounted ConfigMap are links that stay the same.
    """
    hasher = hashlib.sha256()
    for root in map(Path, sorted(roots)):
        for file in files(root, lambda *_: None) if root.is_dir() else (root,):
            try:
                state = file.stat()
                about = f"{state.st_mtime_ns} {state.st_size} {state.st_ino}"
            except OSError:
                about = "missing"
            hasher.update(f"{file}\0{about}\0".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()
