"""Label matchers with Prometheus' semantics: regular expressions are RE2 and fully anchored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class MatchOp(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is not there compares as the empty string.

    Matching raises `ValueError` when `value` is not a regular expression that can be run here.
    """

    name: str
    op: MatchOp
    value: str

    def matches(self, value: str) -> bool:
        """Whether a label with this value satisfies the condition."""
        if self.op is MatchOp.EQUAL:
            return value == self.value
        if self.op is MatchOp.NOT_EQUAL:
            return value != self.value
        found = compile_re2(self.value).fullmatch(value) is not None
        return found is (self.op is MatchOp.REGEX)

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Whether a set of labels satisfies the condition."""
        return self.matches(labels.get(self.name, ""))


_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


@lru_cache(maxsize=512)
def compile_re2(pattern: str) -> re.Pattern[str]:
    """Compile an RE2 pattern. Raises `ValueError` for what Python cannot express."""
    try:
        return re.compile(_translate(pattern), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"error parsing regexp: {error}: `{pattern}`") from error


def _translate(pattern: str) -> str:
    """Write the parts of RE2's syntax that Python spells differently in Python's way."""
    out: list[str] = []
    at, in_class = 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            piece, at = _escape(pattern, at)
            out.append(piece)
            continue
        if in_class:
            if pattern.startswith("[:", at) and (end := pattern.find(":]", at)) > 0:
                out.append(_posix(pattern[at + 2 : end], pattern))
                at = end + 2
                continue
            in_class = char != "]"
            # Python warns about these inside a class, where they mean themselves
            out.append("\\" + char if char in "[&~|" else char)
        elif char == "[":
            head = re.compile(r"\[\^?\]?").match(pattern, at)
            assert head is not None
            out.append(head.group().replace("]", r"\]"))
            in_class, at = True, head.end()
            continue
        elif char == "(" and pattern.startswith("(?", at):
            if re.compile(r"\(\?(<?[=!]|[>(#])").match(pattern, at):
                raise ValueError(
                    f"error parsing regexp: invalid or unsupported Perl syntax: `{pattern}`"
                )
            named = pattern.startswith("(?<", at)
            out.append("(?P<" if named else "(?")
            at += 3 if named else 2
            continue
        else:
            out.append(char)
        at += 1
    return "".join(out)


def _escape(pattern: str, at: int) -> tuple[str, int]:
    """Translate the escape sequence at `at`; return it and where the rest begins."""
    kind = pattern[at + 1 : at + 2]
    if kind == "z":
        return r"\Z", at + 2
    if kind == "Q":
        end = pattern.find(r"\E", at)
        stop = len(pattern) if end < 0 else end
        return re.escape(pattern[at + 2 : stop]), stop + (0 if end < 0 else 2)
    if kind in "pPCZ" or (kind.isdigit() and kind != "0"):
        raise ValueError(
            f"error parsing regexp: invalid escape sequence: `\\{kind}` in `{pattern}`"
        )
    return pattern[at : at + 2], at + 2


def _posix(name: str, pattern: str) -> str:
    """Return the characters of a POSIX class such as `alpha`."""
    if name not in _POSIX:
        raise ValueError(f"error parsing regexp: invalid character class range: `{pattern}`")
    return _POSIX[name]
