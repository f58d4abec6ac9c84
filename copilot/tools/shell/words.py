"""Splits a command line into the words of a pipeline, and refuses what only a shell could mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.model.errors import CorrectYourCall

_LONGEST = 4000
_SEPARATORS = {
    ";": "several commands",
    "&": "several or background commands",
    ">": "redirection",
    "<": "redirection and here-documents",
    "(": "subshells",
    ")": "subshells",
    "`": "command substitution",
}
_INSTEAD = {
    ">": "errors and the whole output come back anyway",
    "<": "pass everything in the one line",
    ";": "make one call for each command",
    "&": "make one call for each command",
}
_BRACES = re.compile(r"\{[^{}]*,[^{}]*\}|\{\w+\.\.\w+\}")
# In double quotes a `$` before anything else means itself.
_EXPANDS = re.compile(r"[A-Za-z0-9_({@*#?!$'\"-]")


class Refused(CorrectYourCall):
    """The line is not carried out; the text says why, and what to do instead."""

    def __init__(self, reason: str, instead: str = "", nearest: tuple[str, ...] = ()) -> None:
        text = f"exec_shell refuses this: {reason}."
        super().__init__(f"{text} Instead: {instead}." if instead else text, nearest)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Word:
    """One word after quoting; `plain` says that none of it was quoted or escaped."""

    text: str
    plain: bool = True


def split(line: str) -> list[list[Word]]:
    """Return the stages of a pipeline, each a list of words. Raises `Refused`."""
    if len(line) > _LONGEST:
        raise Refused(f"the line has more than {_LONGEST} characters")
    line = line.strip(" \t\n")
    for character in line:
        if character in "\n\r":
            raise Refused("several lines", "make one call for each command")
        if (ord(character) < 32 and character != "\t") or ord(character) == 127:
            raise Refused(f"the control character {character!r}")
        if not character.isascii() and not (character.isprintable() and character != "\xa0"):
            raise Refused(f"the invisible character U+{ord(character):04X}")
    return _Reader(line).stages()


class _Reader:
    """Reads one line from left to right, as a POSIX shell would split it."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._at = 0

    def stages(self) -> list[list[Word]]:
        found: list[list[Word]] = [[]]
        while self._at < len(self._line):
            character = self._line[self._at]
            if character in " \t":
                self._at += 1
            elif character == "|":
                if self._line[self._at + 1 : self._at + 2] in ("|", "&"):
                    raise Refused(
                        f'"{self._line[self._at : self._at + 2]}"', "make one call for each command"
                    )
                self._at += 1
                found.append([])
            else:
                found[-1].append(self._word())
        if not all(found):
            raise Refused("a pipeline with an empty part" if len(found) > 1 else "an empty line")
        return found

    def _word(self) -> Word:
        parts: list[str] = []
        bare: list[str] = []
        plain = True
        if self._line[self._at] in "#~":
            raise Refused(f'a word that begins with "{self._line[self._at]}"', "quote it")
        while self._at < len(self._line):
            character = self._line[self._at]
            if character in " \t|":
                break
            if character in "'\"":
                plain = False
                parts.append(self._quoted(character))
                bare.append("_")
                continue
            text = self._unquoted(character)
            plain = plain and text == character
            parts.append(text)
            bare.append(character if text == character else "_")
        if _BRACES.search("".join(bare)):
            raise Refused("brace expansion", "quote the word")
        return Word("".join(parts), plain)

    def _unquoted(self, character: str) -> str:
        """Return the character at the present place, or the one after a backslash."""
        if character in _SEPARATORS:
            raise Refused(f"{_SEPARATORS[character]} ({character!r})", _INSTEAD.get(character, ""))
        if character == "$":
            raise Refused("variables and substitution ('$')", "quote the word with '…'")
        if not character.isascii():
            raise Refused(
                f"U+{ord(character):04X}, which looks like plain text and is not",
                "write ASCII, or quote the word",
            )
        self._at += 1
        if character != "\\":
            return character
        escaped = self._line[self._at : self._at + 1]
        if not escaped or escaped.isalnum() or not escaped.isascii():
            raise Refused("a backslash that hides a letter", "leave the backslash away, or quote")
        self._at += 1
        return escaped

    def _quoted(self, quote: str) -> str:
        end = self._at + 1
        parts: list[str] = []
        while end < len(self._line) and self._line[end] != quote:
            character = self._line[end]
            following = self._line[end + 1 : end + 2]
            if quote == '"':
                if character == "`":
                    raise Refused("command substitution ('`')")
                if character == "$" and _EXPANDS.match(following) and following != '"':
                    raise Refused("variables and substitution ('$')", "use '…' instead of \"…\"")
                if character == "\\" and following and following in '$`"\\':
                    parts.append(following)
                    end += 2
                    continue
            parts.append(character)
            end += 1
        if end >= len(self._line):
            raise Refused(f"a quote ({quote}) that is not closed", "close it")
        self._at = end + 1
        return "".join(parts)
