"""What log lines of any program say when something is wrong: general signatures.

A signature names a condition, not a product; the few product words are those of wide-spread
databases and runtimes, whose error texts are public.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from copilot.evidence.addresses import LOCAL, Address, addresses
from copilot.evidence.signature_table import DEPENDENCY, TEXTS, Text


@dataclass(frozen=True, slots=True)
class Signature:
    """A condition that a line shows. `dependency` conditions are about another service.

    `words` are lower-case: a line with none of them is no match, which is the quicker question.
    """

    kind: str
    pattern: re.Pattern[str]
    dependency: bool = False
    words: tuple[str, ...] = ("",)

    def matches(self, line: str, lowered: str) -> bool:
        """Whether a line shows the condition."""
        return any(w in lowered for w in self.words) and self.pattern.search(line) is not None


_PART = re.compile(r"\\.|\[(?:\\.|[^]\\])*\]|\{[^}]*\}|.", re.S)


def fixed(text: str) -> str:
    """Return the longest stretch, in lower case, that every match of a regular expression has."""
    runs, depth = [""], 0
    for part in _PART.findall(text):
        if part in "()":
            depth += 1 if part == "(" else -1
            runs.append("")
        elif part in "?*" or part[0] == "{":
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif part == "|" and not depth:
            return ""
        elif depth or part in ".^$+|" or part[0] == "[" or (part[0] == "\\" and part[1].isalnum()):
            runs.append("")
        else:
            runs[-1] += part[-1]
    return max(runs, key=len).lower()


def _signature(kind: str, texts: Sequence[Text]) -> Signature:
    patterns, words = [], []
    for text in texts:
        pattern, *hints = (text,) if isinstance(text, str) else text
        patterns.append(pattern)
        words += hints or [fixed(pattern)]
    joined = re.compile("|".join(patterns), re.I)
    return Signature(kind, joined, kind in DEPENDENCY, tuple(dict.fromkeys(words)))


SIGNATURES = tuple(_signature(kind, texts) for kind, texts in TEXTS)
"""Signatures in order of specificity: the first that matches names the line."""

TELEMETRY = Signature("telemetry", re.compile(
    r"\b(spans?|traces|otlp|opentelemetry|otel|zipkin|jaeger|telemetry|statsd)\b.{0,120}"
    r"(export|upload|send|sent|flush|collector|agent|report|push)"
    r"|(export|upload|send|flush|collector|report|push)\w*.{0,80}\b(spans?|traces|otlp|zipkin|jaeger|telemetry)\b",
    re.I,
))  # fmt: skip
"""A program that cannot deliver its telemetry: a nuisance, its service does not suffer."""

DEPENDENCY_KINDS = DEPENDENCY

_HOST = (
    re.compile(r"Host:\s*([\w.-]+)\s+Port:\s*(\d+)"),
    re.compile(r"lookup ([\w.-]+?)\.?(?: on |:|$)"),
    re.compile(
        r"(?:getaddrinfo(?! ENOTFOUND| EAI_AGAIN)|resolve host|ENOTFOUND|EAI_AGAIN|host not found in upstream|host name)[: ]+[\"'(]*([a-z][\w.-]+)(?:[\"':,]|\s|$)(?:.*?port=(\d+))?",
        re.I,
    ),
    re.compile(r"HTTPConnectionPool\(host='([\w.-]+)', port=(\d+)\)"),
    re.compile(
        r"(?:failed to connect|connect to|connecting to|connection to) (?:server at )?\"?([a-z][\w.-]*?)\"?(?:-client)?(?:,| port (\d+)|\s|$|\")",
        re.I,
    ),
    re.compile(r"(?:UnknownHostException:|upstream) \"?([a-z][\w.-]+)", re.I),
)
_NOISE = re.compile(r"\b(level\"?[=:]\s*\"?(info|debug|trace)|INFO|DEBUG|TRACE|INF|DBG)\b")
_ERROR = re.compile(
    r"\b(ERROR|ERR|FATAL|CRITICAL|SEVERE|Exception)\b|level\"?[=:]\s*\"?(error|fatal)|^E\d{4} ",
    re.I,
)
_WORDS = frozenset(
    {
        "the",
        "server",
        "to",
        "database",
        "db",
        "a",
        "on",
        "any",
        "host",
        "upstream",
        "all",
        "it",
        "service",
        "call",
        "request",
        "response",
        "for",
        "client",
        "name",
        "this",
        "of",
        "with",
        "by",
        "from",
        "in",
        "is",
    }
)
_SHORT_LEVEL = re.compile(r"\"s\":\s*\"(I|D\d)\"")


# What differs between lines of one kind and decides nothing: times, addresses, ids, long numbers.
_VARYING = re.compile(
    r"\d\d:\d\d:\d\d[.,\d]*|\d{1,3}(?:\.\d{1,3}){3}|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d{4,}"
)


def classify(line: str) -> Signature | None:
    """Return the condition that a line shows, None for an ordinary line.

    Lines that their program marks as informational count only for conditions of a dependency.
    """
    return _classify(_VARYING.sub("0000", line))


@lru_cache(maxsize=16_384)
def _classify(line: str) -> Signature | None:
    lowered = line.lower()
    for signature in SIGNATURES:
        if signature.matches(line, lowered):
            informational = _NOISE.search(line) or _SHORT_LEVEL.search(line)
            if informational and not signature.dependency:
                return None
            if signature.dependency and TELEMETRY.pattern.search(line):
                return TELEMETRY
            return signature
    return None


def is_error(line: str) -> bool:
    """Whether the program itself marks the line as an error."""
    return _ERROR.search(line[:200]) is not None


@lru_cache(maxsize=16_384)
def blamed(line: str) -> Address | None:
    """Return the dependency that a line names, a name before a bare IP; None if it names none."""
    for pattern in _HOST:
        match = pattern.search(line)
        if match:
            host = match.group(1).lower()
            port = match.group(2) if pattern.groups > 1 else None
            if host not in _WORDS and host not in LOCAL and (any(c.isalpha() for c in host)):
                return Address(host, int(port) if port else _port_of(line, host))
    found = addresses(line)
    named = [a for a in found if not a.is_ip and ("." not in a.host or ".svc" in a.host)]
    return next(iter(named or [a for a in found if a.is_ip] or found), None)


def _port_of(line: str, host: str) -> int | None:
    return next((a.port for a in addresses(line) if a.host == host), None)


_LISTEN = re.compile(
    r"(?:listen(?:ing|s|er)?|serving|started|running|bound|ready|accepting connections|server (?:is )?(?:up|start))"
    r"[^\n]{0,60}?(?:\bport(?:\(s\))?\W{0,4}|0\.0\.0\.0:|\[::\]:|localhost:|127\.0\.0\.1:|\*:|(?<![\w.]):)(\d{2,5})\b",
    re.I,
)


def listening_port(line: str) -> int | None:
    """Return the port that a start-up line says the program listens on."""
    match = _LISTEN.search(line)
    if not match or classify(line):
        return None
    port = int(match.group(1))
    return port if 0 < port < 65536 else None
