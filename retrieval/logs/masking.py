"""One log line to the words that identify its template: what varies by its looks becomes `<*>`.

The masks are generic: numbers, addresses, ids, paths, times and sizes look the same in all systems.
Masking before grouping is the preprocessing step of Drain (He et al., ICWS 2017).
"""

from __future__ import annotations

import re
from functools import lru_cache

from retrieval.logs.fields import WILD, mask_fields

MAX_TOKENS = 80
"""Words of a line that count; what follows is its last variable."""

_MAX_CHARACTERS = 2000
_MAX_CACHED = 60_000

_DIGITS = bytes.maketrans(b"123456789", b"000000000")

_DELIMITED = re.compile(r"([=:,;()\[\]{}\"'|@<>]+)")
_DIGIT = re.compile(r"\d")
# SOCKS5, HTTP2, SHA256, UTF8: a name that ends in its version
_NAMED = re.compile(r"[A-Z]{3,}\d{1,3}")
_PATH = re.compile(r"(?:[A-Za-z]:)?[/\\](?:[\w.\-+%~$*]+[/\\])+[\w.\-+%~$*]*")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{8,}")
_RUN = re.compile(r"(?:[~+#%$@./\\_*-]|<(?!\*>))*<\*>(?:[^\w\s<]*<\*>)*")
_URL = re.compile(r"[a-z][a-z0-9+.]*://\S+")
_UNITS = frozenset(
    [
        "b",
        "bytes",
        "byte",
        "kb",
        "mb",
        "gb",
        "tb",
        "kib",
        "mib",
        "gib",
        "k",
        "m",
        "g",
        "%",
        "ns",
        "us",
        "µs",
        "ms",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "min",
        "mins",
        "minute",
        "minutes",
        "h",
        "hour",
        "hours",
        "day",
        "days",
        "am",
        "pm",
        "pages",
    ]
)
_MONTHS = frozenset(
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
)
_WEEKDAYS = frozenset(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
_DAYS = _MONTHS | _WEEKDAYS
# "Jul  1 09:03:55 host program: message", as syslog writes it (RFC 3164); the host's name varies.
_SYSLOG = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ (?=[^ ]+: )")


def shape(text: str) -> bytes:
    """Return a text with all digits as one, as bytes: those are translated many times faster."""
    return text.encode("utf-8", "surrogatepass").translate(_DIGITS)


class Masker:
    """Masks lines; remembers words it has seen, up to a limit."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._shapes: dict[bytes, str] = {}

    def key(self, line: str) -> tuple[str, ...]:
        """Return the line's words with `<*>` for what varies; neighbouring `<*>` are one."""
        line = line[:_MAX_CHARACTERS]
        header = _SYSLOG.match(line)
        if header:
            line = f"{WILD} {line[header.end() :]}"
        words = mask_fields(line).split(None, MAX_TOKENS)
        known, shapes = self._words, self._shapes
        found: list[str] = []
        wild = False
        for word in words[:MAX_TOKENS]:
            masked = known.get(word)
            if masked is None:
                # What a digit is makes no difference, so that times and numbers are masked once.
                masked = shapes.get(shape(word)) or self._mask(word)
            if wild and masked is not WILD and _belongs(word):
                # a unit, or the month beside a day, is part of the value before it
                continue
            if masked is WILD:
                if not wild:
                    if found and found[-1].lower() in _DAYS:
                        found.pop()
                        if found and found[-1].lower() in _WEEKDAYS:
                            found.pop()
                        if found and found[-1] is WILD:
                            continue
                    found.append(WILD)
                wild = True
            else:
                found.append(masked)
                wild = masked.endswith(WILD)
        if len(words) > MAX_TOKENS and not wild:
            found.append(WILD)
        return tuple(found)

    def _mask(self, word: str) -> str:
        masked = mask_word(word)
        if len(self._words) + len(self._shapes) >= _MAX_CACHED:
            self._words.clear()
            self._shapes.clear()
        # A name that ends in its version keeps its digits.
        if not _DIGIT.search(word) or _DIGIT.search(masked):
            self._words[word] = masked
        else:
            self._shapes[shape(word)] = masked
        return masked


def mask_word(word: str) -> str:
    """Return a word with its varying parts replaced by `<*>`."""
    if _URL.search(word):
        word = _URL.sub(WILD, word)
    if not _DIGIT.search(word) and "/" not in word and "\\" not in word:
        return WILD if word == WILD else word
    masked = "".join(
        part if index % 2 else _mask_part(part)
        for index, part in enumerate(_DELIMITED.split(_PATH.sub(WILD, word).replace(WILD, "\0")))
    )
    masked = masked.replace("\0", WILD)
    masked = _RUN.sub(WILD, masked)
    bare = masked.strip("\"'()[]{},;:.<>=+-#%*!?|/\\")
    return WILD if bare in ("", "*") and WILD in masked else masked


def _mask_part(part: str) -> str:
    if not part or "\0" in part:
        return "\0" if part else part
    if _NAMED.fullmatch(part):
        return part
    if _DIGIT.search(part):
        return "\0"
    return part


@lru_cache(maxsize=4096)
def _belongs(word: str) -> bool:
    return word.strip("()[],;.").lower() in _UNITS
