"""Kubernetes quantities as numbers."""

from __future__ import annotations

from functools import lru_cache

_UNITS = {
    "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip


@lru_cache(maxsize=1024)
def quantity(text: str) -> float:
    """Return the value of a quantity: "100m" is 0.1, "1Gi" is 1073741824."""
    number = text.rstrip("KMGTikm")
    return float(number) * _UNITS[text[len(number) :]]
