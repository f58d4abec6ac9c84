"""Private keys that a log tears into lines: with times before them, other lines between, head or tail cut off."""

from __future__ import annotations

import re
from collections.abc import Callable

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{24,}={0,2}\s*$")
_LAST = re.compile(r"(?:(?<=^)|(?<=Z ))[A-Za-z0-9+/]{4,}={0,2}\s*$")
_FOREIGN = 40
"""After so many other lines a key that never ended is taken to be over."""
_BETWEEN = 8
"""So many other lines may stand between two lines of a key that never began."""


def mask_torn_keys(text: str, mask: Callable[[str], str]) -> str:
    """Return `text` with each line of a private key's body masked; the lines stay as many as they were."""
    if "PRIVATE KEY" not in text:
        return text
    lines = text.split("\n")
    left = 0
    for number, line in enumerate(lines):
        begin, end = _BEGIN.search(line), _END.search(line)
        if begin and not (end and end.start() > begin.start()):
            left = _FOREIGN
        elif end and not begin:
            if left:
                left = 0
            else:
                _upwards(lines, number, mask)
            # the last line of a body is often short
            if number and (short := _LAST.search(lines[number - 1])):
                lines[number - 1] = _masked(lines[number - 1], short, mask)
        elif left:
            body = _BODY.search(line)
            left = _FOREIGN if body else left - 1
            if body:
                lines[number] = _masked(line, body, mask)
    return "\n".join(lines)


def _upwards(lines: list[str], end: int, mask: Callable[[str], str]) -> None:
    """Mask the body whose head was cut off, from its end marker upwards."""
    missed = 0
    for number in range(end - 1, -1, -1):
        body = _BODY.search(lines[number])
        if body:
            lines[number] = _masked(lines[number], body, mask)
        missed = 0 if body else missed + 1
        if missed > _BETWEEN:
            return


def _masked(line: str, body: re.Match[str], mask: Callable[[str], str]) -> str:
    return line[: body.start()] + mask(body[0].strip())
