"""Everything random about an emulated cluster, from one seed."""

from __future__ import annotations

import json
import random
from typing import Any

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Names:
    """Uids, name suffixes, container ids and jitter; the same seed gives the same sequence."""

    def __init__(self, seed: int) -> None:
        self._ids = random.Random(f"ids/{seed}")
        self._jitter = random.Random(f"jitter/{seed}")

    def uid(self) -> str:
        """Return a version 4 UUID."""
        h = f"{self._ids.getrandbits(128):032x}"
        variant = "89ab"[int(h[16], 16) % 4]
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{variant}{h[17:20]}-{h[20:]}"

    def suffix(self, length: int = 5) -> str:
        """Return what the API server appends to a generateName."""
        return "".join(self._ids.choice(_ALPHABET) for _ in range(length))

    def hex(self, length: int = 64) -> str:
        """Return `length` hexadecimal digits, as in container ids."""
        return f"{self._ids.getrandbits(4 * length):0{length}x}"

    def jitter(self, low: float, high: float) -> float:
        """Return a number of seconds between the two."""
        return self._jitter.uniform(low, high)


def template_hash(template: Any, collisions: int = 0) -> str:
    """Return the pod-template-hash of a pod template (FNV-1a, in the API server's safe alphabet)."""
    data = json.dumps(template, sort_keys=True, separators=(",", ":")) + str(collisions or "")
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(fnv1a(data)))


def fnv1a(text: str) -> int:
    """Return the 32-bit FNV-1a hash of `text`."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
