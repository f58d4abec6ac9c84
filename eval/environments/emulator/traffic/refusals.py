"""How a caller learns that a Service has nobody behind it.

kube-proxy rejects such connections with an ICMP message, of which Linux sends one a second to each
address after a burst of six (`net.ipv4.icmp_ratelimit`, `icmpv4_xrlim_allow`). Who gets none sends
its SYN again after 1, 3, 7… seconds, until its patience ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

_PER_SECOND, _BURST = 1.0, 6.0
_SYN_SECONDS = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0)


@dataclass(slots=True)
class _Ration:
    """What one address may still get in the step that began at `at`, and how often it asks in one."""

    at: datetime
    seconds: float
    left: float = _BURST
    share: float = 0.0
    asked: int = 0


@dataclass(slots=True)
class Refusals:
    """The refusals that each address may still get."""

    _rations: dict[str, _Ration] = field(default_factory=dict)

    def spread(
        self, address: str, at: datetime, seconds: float, n: int, patience_ms: float,
        random: np.random.Generator,
    ) -> list[tuple[int, float]]:  # fmt: skip
        """Return (how many, after how many ms) of `n` attempts within `seconds` are refused.

        The others wait in vain. SYNs that are sent again compete for the same refusals.
        """
        ration = self._ration(address, at, seconds)
        ration.asked += n
        lucky = int(random.binomial(n, ration.share)) if ration.share else n
        refused = min(n, lucky, int(ration.left))
        ration.left -= refused
        if refused == n:
            return [(n, 0.0)]
        waits = [wait * 1000 for wait in _SYN_SECONDS if wait * 1000 < patience_ms] or [0.0]
        counts = random.multinomial(refused, [1 / len(waits)] * len(waits))
        return [(int(c), wait) for c, wait in zip(counts, waits, strict=True) if c]

    def _ration(self, address: str, at: datetime, seconds: float) -> _Ration:
        """The address's ration for the step: who asks as much as in the last one shares it evenly."""
        ration = self._rations.get(address)
        if ration is None:
            ration = self._rations[address] = _Ration(at, seconds)
            ration.left += seconds * _PER_SECOND
        if ration.at == at:
            return ration
        unused = (at - ration.at).total_seconds() - ration.seconds
        ration.left = min(_BURST, ration.left + max(0.0, unused) * _PER_SECOND)
        ration.left += seconds * _PER_SECOND
        ration.share = min(1.0, ration.left / ration.asked) if ration.asked else 0.0
        ration.at, ration.seconds, ration.asked = at, seconds, 0
        return ration
