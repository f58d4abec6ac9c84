"""Reduces logs to what a reader needs: kinds of lines, how often, since when, and one example."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from copilot.tools.kube_words import counted, instant

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MASK = re.compile(
    r"\d{4}[-/][A-Z]?[a-z0-9]{2,3}[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"  # time
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"  # UUID
    r"|\b(?:0x)?(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b"  # hash, address
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"  # IPv4
    # numbered workers: conn12, pool-3-thread-7
    r"|(?<![A-Za-z])(?:conn|thread|worker|pool|task|exec|session|client|goroutine)[-_# ]?\d+"
    r"|(?<![A-Za-z_])\d+(?:\.\d+)?(?=(?:ns|us|µs|ms|s|m|h|B|KB|MB|GB|%)?\b)"  # number
)
_FATAL = re.compile(
    r"\b(?:fatal|panic|critical|emerg|FTL|PNC|CRIT)\b|Traceback \(most", re.IGNORECASE
)
_ERROR = re.compile(
    r"\b(?:error|err|exception|fail(?:ed|ure|s)?|refused|denied|unauthorized|forbidden"
    r"|timeout|timed out|unavailable|unreachable|no such host|cannot|could not|unable|killed"
    r"|oom|not authorized|not found|5\d\d)\b|Exception\b|Error\b",
    re.IGNORECASE,
)
_INFO = re.compile(r"^\W*(?:\S+\s){0,4}?\W*(?:info|inf|debug|dbg|trace)\b", re.IGNORECASE)
_WARN = re.compile(r"\b(?:warn|warning|wrn)\b", re.IGNORECASE)
# "errors=0", "error: null": says that nothing went wrong.
_NO_ERROR = re.compile(
    r"\b(?:error|err|fail(?:ed|ures?)?)s?[\"']?\s*[:=]\s*(?:0\b|null|nil|none|false|\"\")", re.I
)
_CONTINUES = re.compile(r"\s+\S|Caused by:|\.\.\. \d+ more|goroutine \d|[\w.]+(?:Error|Exception):")
_OTHER = 3
_LEVELS = ("fatal", "error", "warning", "other")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log line with the container that wrote it ("pod" or "pod/container")."""

    origin: str
    time: datetime | None
    text: str


@dataclass(slots=True)
class Template:
    """Lines that differ only in numbers, ids and times."""

    level: int
    example: LogLine
    before: int = 0
    """How many were written before the window began."""
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    origins: set[str] = field(default_factory=set)

    @property
    def new(self) -> bool:
        """Whether it was first seen inside the window."""
        return self.before == 0 and self.count > 0


def parse(origin: str, text: str) -> list[LogLine]:
    """Split a container's log, with the timestamps that Kubernetes puts before each line."""
    lines = []
    for raw in text.splitlines():
        stamp, separator, rest = raw.partition(" ")
        time = instant(stamp) if separator or stamp[:2] == "20" else None
        lines.append(LogLine(origin, time, _ANSI.sub("", rest if time else raw).rstrip()))
    return lines


def level_of(text: str) -> int:
    """Return 0 for fatal, 1 for error, 2 for warning, 3 for the rest."""
    head = text[:600]
    if _INFO.match(head):
        return 3
    if _FATAL.search(head):
        return 0
    if _ERROR.search(_NO_ERROR.sub("", head)):
        return 1
    return 2 if _WARN.search(head) else 3


def mask(text: str) -> str:
    """Return `text` with what varies from line to line replaced by `*`."""
    return _MASK.sub("*", text)


def templates(lines: Iterable[LogLine], start: datetime | None) -> list[Template]:
    """Group lines; the most telling first: by level, then new ones, then the frequent."""
    groups: dict[tuple[int, str], Template] = {}
    for line in lines:
        if not line.text.strip():
            continue
        level = level_of(line.text)
        # A stack's frames belong to the line above them; a cause named among them does not.
        if level == _OTHER and _CONTINUES.match(line.text):
            continue
        key = (level, mask(line.text))
        group = groups.get(key)
        if group is None:
            group = groups[key] = Template(key[0], line)
        group.count += 1
        group.origins.add(line.origin)
        if line.time is not None:
            group.first = min(group.first or line.time, line.time)
            group.last = max(group.last or line.time, line.time)
            if start is not None and line.time < start:
                group.before += 1
    return sorted(groups.values(), key=lambda item: (item.level, not item.new, -item.count))


def summary(lines: list[LogLine], start: datetime | None, width: int = 400) -> list[str]:
    """Return the log in words: counts by level, kinds of lines, and what surrounds the first error."""
    found = templates(lines, start)
    if not any(item.before for item in found):
        # Nothing to compare with: then "new" says nothing.
        for item in found:
            item.before = -1
    total = sum(item.count for item in found)
    levels = [sum(item.count for item in found if item.level == level) for level in range(4)]
    head = ", ".join(f"{n} {name}" for n, name in zip(levels, _LEVELS, strict=True) if n)
    result = [f"{counted(total, 'line')} of {counted(len(found), 'kind')} ({head or 'empty'})"]
    serious = [item for item in found if item.level < 3]
    rest = sorted((item for item in found if item.level == 3), key=lambda item: not item.new)
    result += [_described(item, width) for item in serious[:12]]
    if len(serious) > 12:
        result.append(f"… and {len(serious) - 12} more kinds of errors and warnings")
    result += _around_first_error(lines, found, width)
    if rest:
        result.append("Other lines:")
        result += [_described(item, width // 2) for item in rest[:8]]
        if len(rest) > 8:
            result.append(f"… and {len(rest) - 8} more kinds")
    return result


def _described(item: Template, width: int) -> str:
    when = ""
    if item.first and item.last:
        same = item.first == item.last
        when = f" {item.first:%H:%M:%S}" + ("" if same else f"–{item.last:%H:%M:%S}")
    new = " NEW" if item.new and item.level < 3 else ""
    where = item.example.origin if len(item.origins) == 1 else f"{len(item.origins)} containers"
    text = item.example.text
    text = text if len(text) <= width else text[: width - 1] + "…"
    label = f"[{_LEVELS[item.level]}{new}] " if item.level < 3 else ""
    return f"{item.count}× {label}{where}{when}: {text}"


def _around_first_error(lines: list[LogLine], found: list[Template], width: int) -> list[str]:
    errors = [item for item in found if item.level < 2]
    if not errors:
        return []
    chosen = min(errors, key=lambda item: (item.level, -item.new, item.first or datetime.max))
    same = [line for line in lines if line.origin == chosen.example.origin]
    index = next(i for i, line in enumerate(same) if line is chosen.example)
    near = same[max(index - 3, 0) : index + 5]
    if len(near) < 2:
        return []
    shown = [
        f"  {'>' if line is chosen.example else ' '} {line.text[: width // 2]}" for line in near
    ]
    return [f"Around the first of them in {chosen.example.origin}:", *shown]
