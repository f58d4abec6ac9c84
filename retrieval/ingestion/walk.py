"""Which files a folder holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
