"""Reduces logs to what a reader needs: kinds of lines, how often, since when, and one example.

Works on a stream in bounded memory: whatever the length of a log, its kinds, the first lines of each
kind's surroundings and the last few lines are all that is kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import itemgetter

from copilot.tools.kube_words import counted, instant
from retrieval.logs.miner import Miner

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
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
# A status code is a number, which a template does not tell from any other.
_STATUS = re.compile(r"\b[1-5]\d\d\b")
_FAILED = re.compile(r"\b5\d\d\b")
_OTHER = 3
_LEVELS = ("fatal", "error", "warning", "other")
_KINDS, _SERIOUS, _ORDINARY = 4096, 12, 8
_BEFORE, _AFTER = 3, 4
_SHAPES, _VARIETY = 50_000, 200
_DIGITS = str.maketrans("123456789", "000000000")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log line with the container that wrote it ("pod" or "pod/container")."""

    origin: str
    time: datetime | None
    text: str


@dataclass(slots=True)
class Kind:
    """Lines of one template and one level. Times are RFC 3339 texts in UTC, "" when unknown.

    `near` are the lines around the `example`, which stands at `place` among them; `before` counts
    those written before the window began. `continues`: the line belongs to the one above it;
    `status`: there is a number in it that may be a status code.
    """

    level: int
    origin: str
    example: str
    near: list[str]
    place: int
    continues: bool = False
    status: bool = False
    levels: dict[int, Kind] | None = None
    count: int = 0
    before: int = 0
    first: str = ""
    last: str = ""
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
        lines.append(LogLine(origin, time, plain(rest if time else raw)))
    return lines


def plain(text: str) -> str:
    """Return a line without colours: with them it is another kind of line, and cannot be quoted."""
    return _ANSI.sub("", text).rstrip()


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


class _Shape:
    """Lines that differ only in digits. `statuses` are the places where a status code may stand."""

    __slots__ = ("before", "count", "first", "kind", "last", "shapes", "statuses")

    def __init__(self, kind: Kind, stamp: str, statuses: tuple[int, ...]) -> None:
        self.kind = kind
        self.statuses = statuses
        self.count = self.before = self.shapes = 0
        self.first = self.last = stamp


class _Part:
    """The lines of one container while they are taken in."""

    def __init__(self, origin: str, miner: Miner, waiting: bool) -> None:
        self.origin = origin
        self._waiting = waiting
        self.kinds: dict[int, Kind] = {}
        self.shapes: dict[str, _Shape] = {}
        self.recent: deque[str] = deque(maxlen=_BEFORE)
        self.unfinished: list[Kind] = []
        self._miner = miner
        self._others: dict[tuple[int, int], _Shape] = {}
        self._seen: dict[int, _Shape] = {}
        self._nothing = _Shape(Kind(_OTHER, origin, "", [], 0), "", ())

    def open(self, stamp: str, text: str, looks: str) -> _Shape:
        """Return the shape of a line that is seen for the first time."""
        if not text or text.isspace():
            return self._nothing
        if len(self.shapes) >= _SHAPES:
            self._flush()
        id = self._miner.add(text)
        kind = self.kinds.get(id)
        if kind is None:
            kind = self.kinds[id] = _kind(self.origin, text, self.recent)
            self.unfinished.append(kind)
        seen = self._seen.get(id)
        if seen is None:
            seen = self._seen[id] = _Shape(kind, stamp, ())
        seen.shapes += 1
        if seen.shapes > _VARIETY:
            # Its letters vary, too: no shape will be seen again, so none is kept.
            failed = kind.status and _FAILED.search(text, 0, 600)
            return self.failing(seen, stamp, text) if failed else seen
        statuses: tuple[int, ...] = ()
        if kind.status:
            statuses = tuple(match.start() for match in _STATUS.finditer(text, 0, 600))
        shape = self.shapes[looks] = _Shape(kind, stamp, statuses)
        return shape

    def failing(self, shape: _Shape, stamp: str, text: str) -> _Shape:
        """Return the shape to count a line for that may tell of a failure by its status code."""
        level = level_of(text)
        if level == shape.kind.level:
            return shape
        key = (id(shape.kind), level)
        other = self._others.get(key)
        if other is None:
            kind = _kind(self.origin, text, self.recent)
            shape.kind.levels = {
                **(shape.kind.levels or {shape.kind.level: shape.kind}),
                level: kind,
            }
            self.unfinished.append(kind)
            other = self._others[key] = _Shape(kind, stamp, ())
        return other

    def collect(self, text: str) -> None:
        """Add a line to the surroundings of those before it."""
        for one in self.unfinished:
            one.near.append(text)
        self.unfinished[:] = [one for one in self.unfinished if len(one.near) - one.place <= _AFTER]

    def begin_window(self) -> None:
        """From here on lines belong to the window."""
        self._waiting = False
        for shape in self._all():
            shape.before = shape.count

    def close(self) -> None:
        """Count everything for the kinds."""
        self._flush()

    def _flush(self) -> None:
        for shape in self._all():
            if not shape.count:
                continue
            kind = shape.kind
            kind.count += shape.count
            kind.before += shape.count if self._waiting else shape.before
            kind.last = max(kind.last, shape.last)
            kind.first = min(kind.first, shape.first) if kind.first else shape.first
        self.shapes.clear()
        self._others.clear()
        self._seen.clear()

    def _all(self) -> Iterator[_Shape]:
        yield from self.shapes.values()
        yield from self._others.values()
        yield from self._seen.values()


class Digest:
    """Takes in lines and tells what kinds there were. `start` is when the window begins."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = _stamp(start)
        self._miner = Miner(_KINDS)
        self._parts: list[dict[int, Kind]] = []

    def feed(self, origin: str, lines: Iterable[tuple[str, str]]) -> None:
        """Take in lines of one container in their order: (RFC 3339 time in UTC or "", text)."""
        part = _Part(origin, self._miner, bool(self._start))
        self._parts.append(part.kinds)
        recent, shapes, unfinished = part.recent, part.shapes, part.unfinished
        start, waiting = self._start, bool(self._start)
        for stamp, text in lines:
            if waiting and stamp >= start:
                part.begin_window()
                waiting = False
            # As the miner does: lines that differ only in digits need no second look.
            looks = text.translate(_DIGITS)
            shape = shapes.get(looks)
            if shape is None:
                shape = part.open(stamp, text, looks)
            if shape.statuses:
                for place in shape.statuses:
                    if text[place] == "5":
                        shape = part.failing(shape, stamp, text)
                        break
            shape.count += 1
            shape.last = stamp
            recent.append(text)
            if unfinished:
                part.collect(text)
        if waiting:
            part.begin_window()
        part.close()

    def kinds(self) -> list[Kind]:
        """Return the kinds, the most telling first: by level, then new ones, then the frequent."""
        groups: dict[tuple[int, int], Kind] = {}
        for part in self._parts:
            for id, top in part.items():
                for one in (top.levels or {0: top}).values():
                    # A stack's frames belong to the line above them; a cause among them does not.
                    if one.level == _OTHER and one.continues:
                        continue
                    key = (self._miner.resolve(id), one.level)
                    known = groups.get(key)
                    if known is None:
                        groups[key] = replace(one, levels=None, origins={one.origin})
                    else:
                        _add(known, one)
        found = list(groups.values())
        if not any(item.before for item in found):
            # Nothing to compare with: then "new" says nothing.
            for item in found:
                item.before = -1
        return sorted(found, key=lambda item: (item.level, not item.new, -item.count))


def _kind(origin: str, text: str, recent: Iterable[str]) -> Kind:
    near = list(recent)
    continues = _CONTINUES.match(text) is not None
    status = _STATUS.search(text) is not None
    return Kind(level_of(text), origin, text, near, len(near), continues, status)


def _add(known: Kind, one: Kind) -> None:
    if one.first and (not known.first or one.first < known.first):
        known.first, known.example, known.origin = one.first, one.example, one.origin
        known.near, known.place = one.near, one.place
    known.count += one.count
    known.before += one.before
    known.last = max(known.last, one.last)
    known.origins.add(one.origin)


def _stamp(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") if time else ""


def digest(lines: Iterable[LogLine], start: datetime | None) -> Digest:
    """Take in lines of several containers, each container's in their order."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        parts.setdefault(line.origin, []).append((_stamp(line.time), line.text))
    whole = Digest(start)
    for origin, part in parts.items():
        # The sort is stable: lines of the same instant stay in their order.
        whole.feed(origin, sorted(part, key=itemgetter(0)) if all(t for t, _ in part) else part)
    return whole


def templates(lines: Iterable[LogLine], start: datetime | None) -> list[Kind]:
    """Group lines into kinds, the most telling first."""
    return digest(lines, start).kinds()


def summary(lines: Iterable[LogLine], start: datetime | None, width: int = 400) -> list[str]:
    """Return the log in words: counts by level, kinds of lines, what surrounds the first error."""
    return described(digest(lines, start), width)


def described(digest: Digest, width: int = 400) -> list[str]:
    """Return a digest in words."""
    found = digest.kinds()
    total = sum(item.count for item in found)
    levels = [sum(item.count for item in found if item.level == level) for level in range(4)]
    head = ", ".join(f"{n} {name}" for n, name in zip(levels, _LEVELS, strict=True) if n)
    result = [f"{counted(total, 'line')} of {counted(len(found), 'kind')} ({head or 'empty'})"]
    serious = [item for item in found if item.level < _OTHER]
    result += [_described(item, width) for item in serious[:_SERIOUS]]
    if len(serious) > _SERIOUS:
        result.append(f"… and {len(serious) - _SERIOUS} more kinds of errors and warnings")
    result += _around_first_error(found, width)
    rest = _ordinary([item for item in found if item.level == _OTHER])
    if rest:
        result.append("Other lines, new and rare ones first:")
        result += [_described(item, width // 2) for item in rest[:_ORDINARY]]
        if len(rest) > _ORDINARY:
            result.append(f"… and {len(rest) - _ORDINARY} more kinds")
    return result


def _ordinary(found: list[Kind]) -> list[Kind]:
    """Order ordinary kinds: new ones, then the rarest, with the most frequent in between."""
    new = sorted((item for item in found if item.new), key=lambda item: item.count)
    old = sorted((item for item in found if not item.new), key=lambda item: item.count)
    room = max(_ORDINARY - len(new), 4)
    rare = old[: room // 2]
    frequent = old[: len(rare) - 1 : -1] if rare else old[::-1]
    return [
        *new[: _ORDINARY - min(len(old), 4)],
        *rare,
        *frequent,
        *new[_ORDINARY - min(len(old), 4) :],
    ]


def _described(item: Kind, width: int) -> str:
    when = ""
    if item.first and item.last:
        first, last = item.first[11:19], item.last[11:19]
        when = f" {first}" + ("" if item.first == item.last else f"–{last}")
    new = " NEW" if item.new and item.level < _OTHER else ""
    where = item.origin if len(item.origins) == 1 else _several(item.origins)
    text = item.example
    text = text if len(text) <= width else text[: width - 1] + "…"
    label = f"[{_LEVELS[item.level]}{new}] " if item.level < _OTHER else ""
    return f"{item.count}× {label}{where}{when}: {text}"


def _several(origins: set[str]) -> str:
    names = sorted(origins)
    return f"{len(names)} containers ({', '.join(names[:2])}{', …' if len(names) > 2 else ''})"


def _around_first_error(found: list[Kind], width: int) -> list[str]:
    errors = [item for item in found if item.level < 2]
    if not errors:
        return []
    chosen = min(errors, key=lambda item: (item.level, not item.new, item.first or "~"))
    if len(chosen.near) < 2:
        return []
    shown = [
        f"  {'>' if index == chosen.place else ' '} {line[: width // 2]}"
        for index, line in enumerate(chosen.near)
    ]
    return [f"Around the first of them in {chosen.origin}:", *shown]
