"""Small charts as inline SVG, coloured by the page's variables so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from math import ceil, dist

_COLOURS = ("var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)")

_NEAR = 12.0


def colour(index: int) -> str:
    """The colour of the n-th series."""
    return _COLOURS[index % len(_COLOURS)]


def bars(groups: Sequence[tuple[str, Sequence[tuple[str, float, float, float, int]]]]) -> str:
    """Horizontal bars of shares by group: (label, value, low, high, series), each from 0 to 1."""
    height, left, width, gap = 22, 210, 400, 12
    parts, y = [], 4.0
    for group, rows in groups:
        parts.append(f'<text x="0" y="{y + 13}" class="g">{escape(group)}</text>')
        for label, value, low, high, series in rows:
            middle, thick = y + height / 2 - 2, height - 8
            parts.append(
                f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>'
                f'<rect x="{left}" y="{y}" width="{width}" height="{thick}" fill="var(--card)"/>'
                f'<rect x="{left}" y="{y}" width="{value * width:.1f}" height="{thick}" fill="{colour(series)}"/>'
                f'<path d="M{left + low * width:.1f} {middle:.1f}H{left + high * width:.1f}'
                f'M{left + low * width:.1f} {middle - 4:.1f}v8M{left + high * width:.1f} {middle - 4:.1f}v8" stroke="var(--ink)"/>'
                f'<text x="{left + width + 10}" y="{middle + 4}">{value:.0%}</text>'
            )
            y += height
        y += gap
    return _svg(left + width + 60, y, "".join(parts))


def scatter(points: Sequence[tuple[str, float, float, int]], across: str, up: str) -> str:
    """Points (label, x, y from 0 to 1, series); x from 0 to the greatest."""
    width, height, left, top = 420, 260, 50, 16
    most = _round_up(max((x for _, x, _, _ in points), default=0.0))
    parts = [_frame(left, top, width, height, across, up, most)]
    labels: list[tuple[float, float, str]] = []
    for label, x, y, series in points:
        place = left + x / most * width, top + (1 - y) * height
        parts.append(
            f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="5" fill="{colour(series)}"/>'
        )
        near = next((one for one in labels if dist(one[:2], place) < _NEAR), None)
        if near is None:
            labels.append((*place, label))
        else:
            labels[labels.index(near)] = (*near[:2], f"{near[2]}, {label}")
    for across_, up_, label in labels:
        near_end = across_ > left + width * 0.7
        anchor, shift = ("end", -9) if near_end else ("start", 9)
        parts.append(
            f'<text x="{across_ + shift:.1f}" y="{up_ - 5:.1f}" text-anchor="{anchor}">{escape(label)}</text>'
        )
    return _svg(left + width + 20, top + height + 44, "".join(parts))


def lines(
    series: Sequence[tuple[str, Sequence[tuple[float, float]], int]],
    across: str,
    up: str,
    *,
    diagonal: bool = False,
) -> str:
    """Lines (label, points, series) with y from 0 to 1; `diagonal` for calibration: x is a share too."""
    width, height, left, top = 420, 260, 50, 16
    greatest = max((x for _, found, _ in series for x, _ in found), default=1.0)
    most = 1.0 if diagonal else _round_up(greatest)
    parts = [_frame(left, top, width, height, across, up, most, share=diagonal)]
    if diagonal:
        parts.append(
            f'<path d="M{left} {top + height}L{left + width} {top}" stroke="var(--muted)" stroke-dasharray="4"/>'
        )
    for number, (label, found, shade) in enumerate(series):
        places = [(left + x / most * width, top + (1 - y) * height) for x, y in found]
        for (x1, y1), (x2, y2) in pairwise(places):
            parts.append(
                f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour(shade)}" stroke-width="2"/>'
            )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour(shade)}"/>' for x, y in places
        ]
        y = top + height + 58 + 18 * number
        parts.append(
            f'<rect x="{left}" y="{y - 9}" width="10" height="10" fill="{colour(shade)}"/>'
            f'<text x="{left + 15}" y="{y}">{escape(label)}</text>'
        )
    return _svg(left + width + 20, top + height + 48 + 18 * len(series), "".join(parts))


def stacked(rows: Sequence[tuple[str, Sequence[tuple[str, int]]]], names: Sequence[str]) -> str:
    """One bar a row, its parts as shares of its whole; `names` fixes the colours."""
    height, left, width = 26, 150, 480
    parts = []
    for number, (label, found) in enumerate(rows):
        whole = sum(times for _, times in found) or 1
        x, y = float(left), number * height + 4
        parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>')
        for name, times in found:
            part = times / whole * width
            shade = colour(names.index(name))
            told = f"<title>{escape(name)}: {times}</title>"
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{part:.1f}" height="{height - 8}" fill="{shade}">{told}</rect>'
            )
            x += part
    base = len(rows) * height + 20
    for number, name in enumerate(names):
        x, y = left + number % 3 * 170, base + number // 3 * 18
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour(number)}"/>')
        parts.append(f'<text x="{x + 15}" y="{y}">{escape(name)}</text>')
    return _svg(left + width + 40, base + (len(names) + 2) // 3 * 18, "".join(parts))


def _frame(
    left: int,
    top: int,
    width: int,
    height: int,
    across: str,
    up: str,
    most: float,
    *,
    share: bool = False,
) -> str:
    parts = []
    for part in (0, 0.25, 0.5, 0.75, 1):
        x, y = left + part * width, top + (1 - part) * height
        number = f"{part * most:.0%}" if share else f"{part * most:g}"
        parts.append(
            f'<path d="M{left} {y}h{width}" stroke="var(--line)"/>'
            f'<text x="{left - 6}" y="{y + 4}" text-anchor="end" class="m">{part:.0%}</text>'
            f'<text x="{x}" y="{top + height + 16}" text-anchor="middle" class="m">{number}</text>'
        )
    parts.append(
        f'<path d="M{left} {top}V{top + height}H{left + width}" stroke="var(--muted)" fill="none"/>'
        f'<text x="{left}" y="{top + height + 36}" class="m">{escape(up)} over {escape(across)}</text>'
    )
    return "".join(parts)


def _round_up(value: float) -> float:
    """The next number that divides into quarters well."""
    step = 4.0
    while step * 100 < value:
        step *= 10
    return max(1, ceil(value / step)) * step


def _svg(width: float, height: float, inside: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{inside}</svg>'
