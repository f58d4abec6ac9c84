"""Matchers, fingerprints and silences, as Alertmanager has them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp

_MATCHER = re.compile(r"^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*((?s:.*?))\s*$")
_NAMESPACE = uuid.UUID("6f0a2f5c-2b7d-4b60-9d5c-1f2f6f6c8a01")
_OFFSET, _PRIME, _MASK = 14695981039346656037, 1099511628211, 2**64 - 1


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the hash by which Prometheus and Alertmanager tell alerts apart (FNV-1a)."""
    text = b"".join(
        name.encode() + b"\xff" + value.encode() + b"\xff" for name, value in sorted(labels.items())
    )
    number = _OFFSET
    for byte in text:
        number = (number ^ byte) * _PRIME & _MASK
    return f"{number:016x}"


def parse_matcher(text: str) -> Matcher:
    """Read `name="value"`, quotes optional. Raises `ValueError` with Alertmanager's words."""
    found = _MATCHER.match(text)
    if found is None:
        raise ValueError(f"bad matcher format: {text}")
    name, op, value = found.groups()
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise ValueError(f"matcher value contains unescaped double quote: {value}")
        value = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value[1:-1])
    return Matcher(name, MatchOp(op), value)


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match all of `matchers` are muted from `starts` to `ends` (Unix seconds)."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: float
    ends: float
    author: str
    comment: str
    updated: float

    def state(self, at: float) -> str:
        """Return "pending", "active" or "expired"."""
        if at < self.starts:
            return "pending"
        return "active" if at < self.ends else "expired"

    def mutes(self, labels: Mapping[str, str], at: float) -> bool:
        """Whether it mutes an alert now."""
        return self.state(at) == "active" and all(m.accepts(labels) for m in self.matchers)


class Silences:
    """All silences of one Alertmanager; `now` gives Unix seconds. Ids follow from their order."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._made = 0
        self._silences: dict[str, Silence] = {}

    def put(self, silence: Silence) -> str:
        """Create one, or change the one with its id. Raises `ValueError`, `KeyError` (no such id)."""
        now = self._now()
        if silence.starts >= silence.ends:
            raise ValueError("start time must be before end time")
        if silence.ends < now:
            raise ValueError("end time can't be in the past")
        if silence.id:
            self.expire(silence.id)
        self._made += 1
        number = str(uuid.uuid5(_NAMESPACE, str(self._made)))
        starts = max(silence.starts, now)
        self._silences[number] = replace(silence, id=number, starts=starts, updated=now)
        return number

    def get(self, number: str) -> Silence:
        """Return one by its id. Raises `KeyError`."""
        return self._silences[number]

    def expire(self, number: str) -> None:
        """End one now. Raises `KeyError`."""
        now = self._now()
        found = self._silences[number]
        if found.state(now) != "expired":
            self._silences[number] = replace(found, ends=now, updated=now)

    def all(self) -> list[Silence]:
        """Return all, active ones first, the next to end first, as Alertmanager sorts them."""
        order = {"active": 0, "pending": 1, "expired": 2}
        now = self._now()
        return sorted(
            self._silences.values(),
            key=lambda s: (order[s.state(now)], s.ends if s.state(now) != "expired" else -s.ends),
        )

    def muting(self, labels: Mapping[str, str]) -> list[str]:
        """Return the ids of the silences that mute an alert now."""
        now = self._now()
        return sorted(s.id for s in self._silences.values() if s.mutes(labels, now))


def inhibitors(labels: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the fingerprints of the alerts that inhibit this one, by kube-prometheus' rules.

    A more severe alert of the same name and namespace mutes the less severe ones.
    """
    stronger = {"info": ("critical", "warning"), "warning": ("critical",)}
    above = stronger.get(labels.get("severity", ""), ())
    return sorted(
        fingerprint(other)
        for other in firing
        if other.get("severity", "") in above
        and all(other.get(key, "") == labels.get(key, "") for key in ("namespace", "alertname"))
    )
