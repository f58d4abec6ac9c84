"""Numbers as Go writes them, which is how Prometheus shows values."""

from __future__ import annotations

import math
from decimal import Decimal


def positional(value: float) -> str:
    """Write a float with the fewest digits and never an exponent (Go's 'f' format)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    return format(Decimal(text), "f") if "e" in text else text


def api_value(value: float) -> str:
    """Write a sample's value as the HTTP API does: an exponent below 1e-6 and from 1e21 on."""
    text = repr(value)
    if "e" not in text and "n" not in text:  # the common case: thousands in one answer
        return text.removesuffix(".0")
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21) and math.isfinite(value):
        return repr(value)
    return positional(value)
