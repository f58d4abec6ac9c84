"""Values that a line itself marks as such: `key=value`, quoted words, JSON fields, printed objects.

What is written in such a place varies, whatever it looks like; only the fields that tell what happened keep their words.
"""

from __future__ import annotations

import re

WILD = "<*>"

_TELLING = frozenset(
    [
        "cause",
        "code",
        "err",
        "error",
        "event",
        "exception",
        "level",
        "log",
        "logger",
        "lvl",
        "message",
        "msg",
        "reason",
        "severity",
        "state",
        "status",
    ]
)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_JSON_FIELD = re.compile(rf'"([^"\\]+)"(\s*:\s*)({_QUOTED}|true|false|null)')
# Each begins with the character that it is about, which is many times faster than to begin with what is before it.
_FIELD = re.compile(rf"=\s*(?:{_QUOTED}|'[^']*'|[^\s,;()\[\]{{}}<\"'=]+)")
_KEY = re.compile(r"(?<![\w.])[A-Za-z][\w.-]*$")
_DOUBLE = re.compile(r'"(?<![\w=:]")(?:[^"\\]|\\.)*"(?!\w)')
_SINGLE = re.compile(r"'(?<![\w=]')[^' ][^']{0,60}'(?!\w)")
_OBJECT = re.compile(r"\{(?<=\w\{)[^{}\"]*\}")
_TRUTH = re.compile(r": (?:[Tt]rue|[Ff]alse)\b")
_LONGEST_KEY = 60
_DEPTH = 4


def mask_fields(line: str) -> str:
    """Return a line with `<*>` for the values that its own syntax marks."""
    if line.startswith("{") and line.rstrip().endswith("}"):
        return _JSON_FIELD.sub(_json, line)
    if "{" in line:
        for _ in range(_DEPTH):
            line, changed = _OBJECT.subn(WILD, line)
            if not changed:
                break
    if "=" in line:
        line = _FIELD.sub(_field, line)
    if '"' in line:
        line = _DOUBLE.sub(WILD, line)
    if "'" in line:
        line = _SINGLE.sub(WILD, line)
    return _TRUTH.sub(f": {WILD}", line)


def _json(match: re.Match[str]) -> str:
    key, colon, value = match.groups()
    if key.lower() in _TELLING:
        return match.group()
    return f'"{key}"{colon}{WILD}' if value[0] != '"' else f'"{key}"{colon}"{WILD}"'


def _field(match: re.Match[str]) -> str:
    start = match.start()
    key = _KEY.search(match.string[max(0, start - _LONGEST_KEY) : start])
    return match.group() if key is None or key.group().lower() in _TELLING else f"={WILD}"
