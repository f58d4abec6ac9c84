"""The part of Prometheus' templates that rule files use: labels, the value, and its formats."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from eval.environments.emulator.telemetry.promql.formats import api_value

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_PRINTF = re.compile(r'printf\s+"(%[^"]*)"\s+\$value$')
_LABEL = re.compile(r"\$labels\.([A-Za-z_][A-Za-z0-9_]*)$")


def render(template: str, labels: Mapping[str, str], value: float) -> str:
    """Fill in a template. Raises `ValueError` for what is not understood."""

    def fill(match: re.Match[str]) -> str:
        head, *filters = [part.strip() for part in match[1].split("|")]
        shown = _operand(head, labels, value)
        for name in filters:
            if name not in _FORMATS:
                raise ValueError(f'function "{name}" not defined')
            shown = _FORMATS[name](float(shown))
        return shown

    return _ACTION.sub(fill, template)


def _operand(text: str, labels: Mapping[str, str], value: float) -> str:
    if text == "$value":
        return api_value(value)
    label = _LABEL.match(text)
    if label:
        return labels.get(label[1], "")
    printf = _PRINTF.match(text)
    if printf:
        return str(printf[1] % value)
    raise ValueError(f"unexpected {text!r} in a template")


def humanize(value: float) -> str:
    """Write a number with an SI prefix: 1234567 is "1.235M"."""
    if not math.isfinite(value) or value == 0:
        return _short(value)
    size = abs(value)
    prefixes = ("", "k", "M", "G", "T", "P") if size >= 1 else ("", "m", "u", "n", "p")
    for prefix in prefixes:
        if (size >= 1 and abs(value) < 1000) or (size < 1 and abs(value) >= 1):
            return _short(value) + prefix
        value = value / 1000 if size >= 1 else value * 1000
    return _short(value) + prefixes[-1]


def humanize_percentage(value: float) -> str:
    """Write a share as a percentage: 0.1234 is "12.34%"."""
    return f"{_short(value * 100)}%"


def humanize_duration(value: float) -> str:
    """Write seconds: 3723 is "1h 2m 3s"."""
    if not math.isfinite(value) or abs(value) < 1:
        return (
            f"{_short(value)}s" if value == 0 or not math.isfinite(value) else f"{humanize(value)}s"
        )
    sign, seconds = ("-" if value < 0 else ""), int(abs(value))
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86_400
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds % 60}s"
    if minutes:
        return f"{sign}{minutes}m {seconds % 60}s"
    return f"{_short(value)}s"


def humanize_1024(value: float) -> str:
    """Write a number with a binary prefix: 2097152 is "2Mi"."""
    for prefix in ("", "ki", "Mi", "Gi", "Ti"):
        if abs(value) < 1024:
            return _short(value) + prefix
        value /= 1024
    return f"{_short(value)}Pi"


def _short(value: float) -> str:
    """Go's %.4g."""
    text = f"{value:.4g}"
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text, text)


_FORMATS: dict[str, Callable[[float], str]] = {
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizePercentage": humanize_percentage,
    "humanizeDuration": humanize_duration,
}
