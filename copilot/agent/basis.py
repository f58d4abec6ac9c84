"""What a sentence rests on, from the quoted words to all the evidence there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from copilot.agent.derived import Facts
from copilot.agent.quoting import places

_LINES = 400


@dataclass(frozen=True)
class Basis:
    """What a sentence rests on: what is quoted, the lines with the quotes, the cited texts, all evidence."""

    quoted: tuple[str, ...]
    lines: tuple[str, ...]
    cited: tuple[str, ...]
    everything: tuple[str, ...]
    placed: tuple[tuple[str, str], ...] = ()
    """Each quote with the line that has it."""
    changes: bool = False
    """Whether a record of changes is cited."""

    @classmethod
    def of(
        cls,
        quoted: Sequence[str],
        cited: Sequence[str],
        everything: Sequence[str],
        *,
        changes: bool = False,
    ) -> Basis:
        """Find the lines of the cited texts that have what is quoted."""
        placed = tuple((q, line) for q in quoted for text in cited for line in places(text, q))
        lines = tuple(dict.fromkeys(line for _, line in placed))
        return cls(tuple(quoted), lines, tuple(cited), tuple(everything), placed, changes)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The lines of what is cited, of which each may be reckoned with: the first few hundred."""
        lines = dict.fromkeys(line for text in self.cited for line in text.splitlines())
        return tuple(lines)[:_LINES]

    @cached_property
    def line(self) -> Facts:
        """The lines that have the quotes, taken together."""
        return facts("\n".join(self.lines))

    @cached_property
    def quote(self) -> Facts:
        """What is quoted, taken together."""
        return self.line.within(self.quoted)


@lru_cache(maxsize=4096)
def facts(text: str) -> Facts:
    """Return what a text gives to reckon with."""
    return Facts.of(text)
