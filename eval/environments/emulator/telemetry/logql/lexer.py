"""LogQL's words, with Loki's names for them in error messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from eval.environments.emulator.telemetry.durations import model_duration
from eval.environments.emulator.telemetry.logql.errors import ParseError

KEYWORDS = frozenset(
    (
        *("by", "without", "and", "or", "json", "logfmt", "offset"),
        *("sum", "avg", "min", "max", "count", "topk", "bottomk"),
        *("count_over_time", "rate", "bytes_over_time", "bytes_rate"),
    )
)

_SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip
_WORDS = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
  | (?P<range>\[[^\]]*\])
  | (?P<bytes>\d+(?:\.\d+)?\s?(?:[KMGT]iB|[kKMGT]B|B)\b)
  | (?P<duration>(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y))+\b)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<identifier>[A-Za-z_][A-Za-z0-9_:]*)
  | (?P<symbol>\|=|\|~|!=|!~|=~|==|>=|<=|[{}()\]|=<>,+*/%^-])
    """,
    re.VERBOSE,
)
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\\": "\\",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word: `kind` is its name in messages ("IDENTIFIER", "STRING", "{", "sum")."""

    kind: str
    text: str
    line: int
    column: int
    value: float = 0.0


def words(query: str) -> list[Word]:
    """Split a query; the last word is "$end". Raises `ParseError`."""
    found: list[Word] = []
    at = 0
    while at < len(query):
        line = query.count("\n", 0, at) + 1
        column = at - (query.rfind("\n", 0, at) + 1) + 1
        match = _WORDS.match(query, at)
        if match is None:
            raise ParseError(_unreadable(query[at:]), line, column)
        at = match.end()
        if match.lastgroup != "space":
            found.append(_word(match, line, column))
    last = query.rfind("\n") + 1
    return [*found, Word("$end", "", query.count("\n") + 1, len(query) - last + 1)]


def _unreadable(rest: str) -> str:
    if rest[0] in '"`':
        return "literal not terminated"
    if rest[0] == "[":
        return "missing closing ']' in duration"
    return f"syntax error: unexpected {rest[0]}"


def _word(match: re.Match[str], line: int, column: int) -> Word:
    kind, text = str(match.lastgroup), match.group()
    if kind == "string":
        return Word("STRING", _unquote(text, line, column), line, column)
    if kind == "range":
        return Word("RANGE", text, line, column, _duration(text[1:-1].strip(), line, column))
    if kind == "duration":
        return Word("DURATION", text, line, column, _duration(text, line, column))
    if kind == "bytes":
        number = re.match(r"[\d.]+", text)
        assert number is not None
        size = _SIZES[text[number.end() :].strip()]
        return Word("BYTES", text, line, column, float(number.group()) * size)
    if kind == "number":
        return Word("NUMBER", text, line, column, float(text))
    if kind == "identifier":
        return Word(text if text in KEYWORDS else "IDENTIFIER", text, line, column)
    return Word(text, text, line, column)


def _duration(text: str, line: int, column: int) -> float:
    try:
        return model_duration(text)
    except ValueError as error:
        raise ParseError(str(error), line, column) from error


def _unquote(text: str, line: int, column: int) -> str:
    if text[0] == "`":
        return text[1:-1]

    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code:
            return chr(int(code, 16))
        if match[4]:
            return chr(int(match[4], 8))
        if match[5] not in _ESCAPES:
            raise ParseError("invalid char escape", line, column)
        return _ESCAPES[match[5]]

    try:
        return _ESCAPE.sub(plain, text[1:-1])
    except (ValueError, OverflowError) as error:
        raise ParseError("invalid char escape", line, column) from error
