"""Work that an index finds to do when it is opened, done in the background while it is searched."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from retrieval.errors import KnowledgeError

_log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""How long after a failure it is tried again, by the next search."""


class Mending:
    """Finds what is stale and mends it, one by one, in a thread that is started once.

    `mend` returns False to stop, as when the model is away; `finished` is called after anything was mended.
    """

    def __init__(
        self,
        stale: Callable[[], Sequence[str]],
        mend: Callable[[str], bool],
        finished: Callable[[], None],
    ) -> None:
        self._stale, self._mend, self._finished = stale, mend, finished
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._next = 0.0
        self._closing = False
        self.running = False
        """Whether documents are being mended now."""

    def start(self) -> None:
        """Begin, unless it was done, runs, or failed a short time ago."""
        if self._closing or time.monotonic() < self._next:
            return
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            self._next = float("inf")
            self._thread = threading.Thread(target=self._work, name="mending", daemon=True)
            self._thread.start()

    def again(self) -> None:
        """Look again with the next search: there may be something new."""
        self._next = 0.0

    def wait(self, seconds: float) -> bool:
        """Wait for the thread; return whether it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
            return not self._thread.is_alive()
        return True

    def close(self) -> None:
        """Stop after the document at hand."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            stale = self._stale()
            self.running = bool(stale)
            if stale and self._all(stale):
                self._finished()
        except KnowledgeError as error:
            _log.warning("stale documents are not mended now: %s", error)
            self._next = time.monotonic() + RETRY_SECONDS
        finally:
            self.running = False

    def _all(self, stale: Sequence[str]) -> bool:
        """Return whether anything was mended."""
        for done, identity in enumerate(stale):
            if self._closing:
                return False
            if not self._mend(identity):
                self._next = time.monotonic() + RETRY_SECONDS
                return done > 0
        return True
