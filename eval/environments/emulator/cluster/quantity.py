"""Kubernetes resource quantities: 100m, 1.5, 512Mi, 2G."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from connectors.api.values import Json

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


@lru_cache(maxsize=4096)
def _parse(text: str) -> Decimal:
    for length in (2, 1):
        suffix = text[-length:]
        if suffix in _SUFFIXES:
            return Decimal(text[:-length]) * _SUFFIXES[suffix]
    return Decimal(text)


def quantity(value: object) -> Decimal:
    """Read a quantity in its base unit (cores, bytes, pieces). Raises ValueError."""
    try:
        return _parse(str(value).strip())
    except InvalidOperation as error:
        raise ValueError(f"quantities must match the regular expression: {value!r}") from error


def format_quantity(value: Decimal, like: str = "") -> str:
    """Write a quantity: binary suffixes when `like` uses them, milli for fractions."""
    if value != value.to_integral_value():
        return f"{int(value * 1000)}m"
    number = int(value)
    if like.endswith("i"):
        for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
            unit = int(_SUFFIXES[suffix])
            if number and number % unit == 0:
                return f"{number // unit}{suffix}"
    return str(number)


def pod_requests(pod: Json, section: str = "requests") -> dict[str, Decimal]:
    """Return what the pod asks for: the sum over containers, at least every init container's."""
    spec = pod["spec"]
    total = _sum(spec.get("containers") or (), section)
    for container in spec.get("initContainers") or ():
        for name, amount in _sum((container,), section).items():
            total[name] = max(total.get(name, Decimal(0)), amount)
    return total


def _sum(containers: Iterable[Json], section: str) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for container in containers:
        for name, amount in ((container.get("resources") or {}).get(section) or {}).items():
            total[name] = total.get(name, Decimal(0)) + quantity(amount)
    return total
