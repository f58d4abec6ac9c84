"""What of a model's words reaches the reader, and when."""

from __future__ import annotations

from collections.abc import Callable

from copilot.agent.grounding import Known, TextCheck

HOLD = 240
"""Characters that are held back: what a model says before it calls a tool is shorter."""


class Speech:
    """One reply's text, released sentence by sentence once it is checked.

    What the model says on the way to a tool call is not an answer and is left out. When not
    `live`, nothing is released before the end, because the reply may be a diagnosis in JSON.
    """

    def __init__(self, known: Callable[[], Known], *, live: bool) -> None:
        self._known = known
        self._live = live
        self._held = ""
        self.check: TextCheck | None = None

    def feed(self, text: str) -> str:
        """Take in text and return what may be shown now."""
        if self.check is not None:
            return self.check.feed(text)
        self._held += text
        if not self._live or len(self._held) < HOLD or self._held.lstrip().startswith(("{", "```")):
            return ""
        return self._release()

    def end(self, *, more: bool) -> str:
        """Return the rest; `more` says that tool calls follow, so that it was no answer yet."""
        if self.check is None:
            if more:
                self._held = ""
                return ""
            shown = self._release()
        else:
            shown = ""
        assert self.check is not None
        return shown + self.check.flush() + ("\n\n" if more else "")

    def drop(self) -> None:
        """Forget what is held back."""
        self._held = ""

    def _release(self) -> str:
        self.check = TextCheck(self._known())
        held, self._held = self._held, ""
        return self.check.feed(held)
