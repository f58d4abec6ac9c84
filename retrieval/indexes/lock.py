"""One owner per data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from retrieval.errors import KnowledgeError

_NAME = "owner.lock"


class FolderLock:
    """An exclusive lock that the kernel gives back when its process ends, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> FolderLock | None:
        """Return the lock of a folder, None while another owner holds it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise KnowledgeError(
                f"the knowledge folder {folder} cannot be used ({error.strerror}): "
                "choose one that can be written"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let another process own the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def holder(folder: Path) -> str:
    """Return how to name the process that owns a folder."""
    try:
        pid = (folder / _NAME).read_text(encoding="utf-8").strip()
    except OSError:
        pid = ""
    return f"process {pid}" if pid else "another process"
