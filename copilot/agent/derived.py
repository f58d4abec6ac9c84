"""Numbers that follow from those of the evidence: shares, multiples, differences, sums, rates, durations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, zip_longest

from copilot.agent.clocks import seconds_of_day
from copilot.agent.dates import days
from copilot.agent.numerals import joined, scaled
from copilot.agent.quantities import Quantity, seen

MOST = 14
"""Numbers in one place beyond which anything would follow from some pair of them."""

_DAY = 86400.0
_RATES = (1.0, 60.0, 3600.0)
_PER = (
    (
        re.compile(r"/s\b|per second|\brps\b|\bqps\b|a second|msg/s|_per_second|each second", re.I),
        1.0,
    ),
    (re.compile(r"/min\b|per min|\[1m\]|\brpm\b|a minute|each minute", re.I), 60.0),
    (re.compile(r"/h\b|per hour|\[1h\]|last hour|an hour|each hour", re.I), 3600.0),
)
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?")
_ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one place of the evidence gives to reckon with: its numbers, and the instants in it.

    `clocks` are times of day in seconds, `dates` instants with their day; `text` is the whole in which the
    numbers stand, of which a `part` may be meant.
    """

    text: str
    numbers: tuple[Quantity, ...]
    clocks: tuple[float, ...]
    dates: tuple[float, ...]
    part: str | None = None

    @classmethod
    def of(cls, text: str) -> Facts:
        """Read a text."""
        text = scaled(joined(text))
        return cls(text, seen(text), *_instants(text))

    def within(self, quotes: Iterable[str]) -> Facts:
        """Return what some parts of it give: the numbers keep the names that they have in the whole."""
        spans, rest = [], []
        for quote in (scaled(joined(quote)) for quote in quotes):
            parts = [re.escape(part) for part in re.split(r"\s+|…|\.\.\.", quote) if part]
            found = re.search(
                r".{0,200}?".join(parts) if "…" in quote else r"\s+".join(parts), self.text, re.I
            )
            spans += [found.span()] if found else []
            rest += [] if found else [quote]
        text = "\n".join([*(self.text[a:b] for a, b in spans), *rest])
        numbers = tuple(q for q in self.numbers if any(a <= q.start < b for a, b in spans))
        return Facts(self.text, numbers, *_instants(text), text)

    @property
    def told(self) -> str:
        """The part that is meant, or all."""
        return self.text if self.part is None else self.part

    def of_dim(self, dim: str) -> list[float]:
        """Return the values of one dimension."""
        return [q.value for q in self.numbers if q.dim == dim]

    @property
    def gaps(self) -> list[float]:
        """How far any two of the instants lie apart, in seconds; times of day may lie on either side of midnight."""
        found = [b - a for a, b in combinations(self.dates, 2)]
        for a, b in combinations(self.clocks, 2):
            found += [b - a, _DAY - (b - a)]
        return found


def _pers(text: str) -> tuple[float, ...]:
    """Return the seconds in which a text counts; all that are usual where it does not say."""
    return tuple(size for words, size in _PER if words.search(text)) or _RATES


def _instants(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the times of day and the dates of a text; days without a year count where no other dates are."""
    dates = moments(text) or tuple(_DAY * day for day in days(text))
    return tuple(seconds_of_day(text)[:40]), tuple(sorted(set(dates))[:40])


def moments(text: str) -> tuple[float, ...]:
    """Return the dates of a text, with their times where they have one, in seconds."""
    found = []
    for m in _MOMENT.finditer(text):
        year, month, day, *clock = (int(part or 0) for part in m.groups())
        if 1 <= month <= 12 and 1 <= day <= 31:
            day_number = date(year, month, 1).toordinal() + day - 1
            found.append(_DAY * day_number + 3600 * clock[0] + 60 * clock[1] + clock[2])
    return tuple(found)


def shown(dim: str, facts: Facts) -> list[float]:
    """Return what a place says itself in a dimension, without reckoning."""
    if dim in ("product", "change", "rise", "fall"):
        return []
    values = facts.of_dim(dim)
    bare = facts.of_dim("count")
    if dim == "share":
        # One in a hundred is beyond p99.
        values += [1 - int(n) / 100 for n in re.findall(r"\bp(\d\d)\b", facts.told)]
        # A share may be written as 0.34, whatever it is the rate of.
        values += [
            q.value
            for q in facts.numbers
            if q.dim == "count" and q.step < 1 and q.value <= 1 and q.unit != "m"
        ]
        values += [q.value / 100 for q in facts.numbers if q.dim == "count" and q.step < 1]
    elif dim == "rate":
        values += [value / per for value in bare for per in _pers(facts.text)]
    elif dim == "count":
        values += [
            q.value / s for q in facts.numbers if q.dim == "rate" for s in (1.0, 1 / 60, 1 / 3600)
        ]
        values += facts.of_dim("ratio")
        # A name before a number may tell its unit, which a sentence may leave out.
        values += [q.plain for q in facts.numbers if q.dim in ("time", "bytes") and q.bare]
    elif dim in ("time", "bytes") and not values:
        values += bare
    return values


def reckoned(dim: str, facts: Facts, *, free: bool = True, far: bool = True) -> Iterator[float]:
    """Yield what follows in a dimension from the numbers of one place; `free`: from any two of them.

    `far` adds what only follows for a sentence that speaks of "each", "per", "on average" or "together".
    """
    if len(facts.numbers) > MOST and not free:
        return
    numbers = facts.numbers[: 2 * MOST]
    own = [q.value for q in numbers if q.dim == dim]
    bare = [q.value for q in numbers if q.dim == "count"]
    gaps = facts.gaps[:60]
    spans = facts.of_dim("time") + gaps
    if dim == "time":
        yield from gaps
    if dim in _PAIRED:
        for group in _groups(numbers, facts.text):
            yield from _RECKON[dim](own, bare, spans, group)
    elif dim == "rate":
        yield from _of_rate(own, bare, spans, numbers, _pers(facts.text))
    else:
        yield from _RECKON[dim](own, bare, spans, numbers)
    if far and dim in _FAR:
        yield from _FAR[dim](own, bare, spans, numbers)
    if dim == "count" and facts.text:
        parts = re.split(r"[,;]|\band\b", facts.text)
        counts = (len(parts), len(set(_ADDRESS.findall(facts.text))), len(bare))
        yield from (n for n in counts if n > 1)


_PAIRED = frozenset({"share", "ratio", "change", "fall", "rise", "points"})


def _groups(numbers: Sequence[Quantity], text: str) -> Iterator[Sequence[Quantity]]:
    """Yield the numbers that are compared with each other: those of one line, where a line has two alike, else all."""
    lines: dict[tuple[str, int], list[Quantity]] = {}
    own: list[Quantity] = []
    for q in numbers:
        if text.startswith(q.text, q.start):
            lines.setdefault((q.dim, text.count("\n", 0, q.start)), []).append(q)
        else:
            own.append(q)
    paired = {dim for (dim, _), group in lines.items() if len(group) > 1}
    for dim in paired:
        rows = [group for (other, _), group in lines.items() if other == dim]
        mine = [q for q in own if q.dim == dim]
        yield from ([*group, *mine] for group in rows if len(group) > 1)
        # Of several lines, those compare that stand in the same place.
        for column in zip_longest(*rows):
            yield [q for q in column if q]
    yield [q for q in numbers if q.dim not in paired]


def together(dim: str, quote: Facts, line: Facts) -> Iterator[float]:
    """Yield what follows from one number of a quote and another of its line: how far, what part, how often."""
    for a in quote.numbers[:MOST]:
        for b in line.numbers[: 2 * MOST]:
            if a.dim == b.dim == dim or (a.dim == b.dim and dim in ("share", "ratio")):
                yield from _RECKON[dim if dim in ("share", "ratio", "points") else "difference"](
                    [], [], [], (a, b)
                )
            elif dim == "rate":
                yield from _of_rate([], [], [], (a, b), _pers(line.text))


def _difference(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    yield abs(numbers[0].value - numbers[1].value)


def _pairs(values: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Yield each two numbers that differ, the smaller one first."""
    for a, b in combinations(values, 2):
        if a != b:
            yield (a, b) if a < b else (b, a)


def _sums(values: Sequence[float]) -> Iterator[float]:
    """Yield differences, sums of two, of all, and of all but one."""
    for a, b in combinations(values, 2):
        yield a + b
        yield abs(a - b)
    if len(values) == 2:
        yield sum(values) / 2
    if len(values) > 2:
        yield sum(values)
        yield sum(values) / len(values)
        for one in values:
            yield sum(values) - one


def _of_time(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    yield from _sums(own)
    yield from (abs(a - b) for a, b in _pairs(bare))


def _far_time(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    rates = [q.value for q in numbers if q.dim == "rate" and q.value]
    yield from (t / n for t in spans for n in bare if n)
    yield from (t * n for t in own for n in bare)
    yield from (n / r for n in bare for r in rates)


def _of_count(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    shares = [q.value for q in numbers if q.dim == "share"]
    yield from _sums(bare)
    yield from _sums([q.value for q in numbers if q.dim == "rate"])
    yield from (n * s for n in bare for s in shares)
    yield from (n * (1 - s) for n in bare for s in shares)


def _far_count(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    yield from (q.value * t for q in numbers if q.dim == "rate" for t in spans)


def _of_product(
    own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]
) -> Iterator[float]:
    bare = [q.value for q in numbers if q.dim == "count"]
    yield from (a * b for a, b in combinations(bare, 2))
    yield from (b / a for a, b in _pairs(bare) if a)
    if len(bare) > 2:
        for a, b in combinations(bare, 2):
            yield from (abs(a * b - c) for c in bare)
            yield from (abs(b - a) * c for c in bare)


def _of_rate(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity], pers: Sequence[float]) -> Iterator[float]:  # fmt: skip
    shares = [q.value for q in numbers if q.dim == "share"]
    changes = [b - a for a, b in _pairs(bare)]
    yield from _sums(own)
    yield from (n / t for n in (*bare, *changes) for t in spans if t)
    yield from (n / per * s for n in bare for s in shares for per in pers)
    yield from (n / per for n in changes for per in pers)
    if len(bare) > 1:
        yield from (sum(bare) / per for per in pers)
    yield from (r * s for r in own for s in shares)
    yield from (n / m / per for m, n in _pairs(bare) if m for per in pers)
    yield from (1 / t for t in spans if t)
    if len(bare) > 2:
        yield from (sum(bare) / len(bare) / per for per in pers)


def _of_share(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    for dim in {q.dim for q in numbers}:
        values = [q.value for q in numbers if q.dim == dim]
        total = sum(values)
        for a, b in _pairs(values):
            if a > 0:
                yield a / b
        if len(values) > 2 and total:
            yield from (value / total for value in values)
    if own:
        yield sum(own) / len(own)


def _of_change(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    for dim in {q.dim for q in numbers}:
        for a, b in _pairs([q.value for q in numbers if q.dim == dim]):
            yield (b - a) / b if b else 0.0
            if a > 0:
                yield (b - a) / a
    # How far a multiple is from one: "1.27" is 27 % more.
    yield from (q.value - 1 for q in numbers if q.dim == "count" and q.step < 1 and 1 < q.value < 3)


def _of_fall(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    for dim in {q.dim for q in numbers}:
        for a, b in _pairs([q.value for q in numbers if q.dim == dim]):
            yield (b - a) / b if b else 0.0


def _of_rise(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    for dim in {q.dim for q in numbers}:
        for a, b in _pairs([q.value for q in numbers if q.dim == dim]):
            if a > 0:
                yield (b - a) / a


def _of_points(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    shares = [
        q.value
        for q in numbers
        if q.dim == "share" or (q.dim == "count" and q.step < 1 and q.value <= 1)
    ]
    yield from (b - a for a, b in _pairs(shares))


def _of_ratio(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    for dim in {q.dim for q in numbers}:
        for a, b in _pairs([q.value for q in numbers if q.dim == dim]):
            if a > 0:
                yield b / a
    # One of two may lack its unit: "waited 3950 ms (max allowed 500)".
    for one, two in combinations(numbers, 2):
        if (one.dim == "count") != (two.dim == "count") and one.plain and two.plain:
            yield max(one.plain, two.plain) / min(one.plain, two.plain)


def _of_flow(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    sizes = [q.value for q in numbers if q.dim == "bytes"]
    yield from _sums(own)
    yield from (b / t for b in (*sizes, *(b - a for a, b in _pairs(sizes))) for t in spans if t)
    yield from (f / n for f in own for n in bare if n)


def _of_bytes(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    shares = [q.value for q in numbers if q.dim == "share"]
    yield from _sums(own)
    shares += [q.plain for q in numbers if q.bare and q.step < 1 and q.plain <= 1]
    yield from (b * part for b in own for s in shares for part in (s, 1 - s))
    yield from (
        f * t
        for f in (q.value for q in numbers if q.dim == "flow")
        for t in (60.0, 3600.0, _DAY, *spans)
    )


def _far_bytes(own: list[float], bare: list[float], spans: list[float], numbers: Sequence[Quantity]) -> Iterator[float]:  # fmt: skip
    yield from (n * b for n in bare for b in own)
    yield from (b / n for n in bare for b in own if n)
    yield from (abs(b - a) * n for a, b in _pairs(bare) for n in own)


_RECKON = {
    "time": _of_time,
    "count": _of_count,
    "product": _of_product,
    "share": _of_share,
    "ratio": _of_ratio,
    "points": _of_points,
    "change": _of_change,
    "fall": _of_fall,
    "rise": _of_rise,
    "difference": _difference,
    "bytes": _of_bytes,
    "flow": _of_flow,
}
_FAR = {"time": _far_time, "count": _far_count, "bytes": _far_bytes}
