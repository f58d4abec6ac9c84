"""What analyzers return: findings, and what each says about possible causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from copilot.model.diagnosis import Finding
from copilot.model.scope import ObjectRef

Fact = str | int
_NO_FACTS: Mapping[str, Fact] = MappingProxyType({})


def one_line(text: str, longest: int = 320) -> str:
    """Return text fit for a sentence: on one line, its middle left out when it is too long."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    half = (longest - 3) // 2
    return f"{line[:half].rstrip()} … {line[-half:].lstrip()}"


@dataclass(frozen=True, slots=True)
class Claim:
    """One possible cause that a finding points at.

    `strength` is the probability, 0 to 1, that the cause is true given this finding alone.
    `because` completes "X because …" in plain words. `facts` carry what a repair needs
    ("port", "target_port", "container", "image", …). `also` lists objects whose change would
    repair it as well.
    """

    object: ObjectRef
    cause: str
    strength: float
    because: str
    also: tuple[ObjectRef, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=lambda: _NO_FACTS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "because", one_line(self.because))

    def times(self, share: float) -> Claim:
        """Return the same claim, less sure."""
        return replace(self, strength=self.strength * share)


@dataclass(frozen=True, slots=True)
class Clue:
    """A finding with its meaning for the ranking.

    `weight` says how strongly the finding demands an explanation: 0 for a remark (a leftover, a
    latent oddity), 1 for a plain failure. `place` is the node of the call graph where it shows.
    `toward` names the dependency that a symptom blames: only causes there, or further downstream,
    can explain it. `local` symptoms (a pod that cannot be scheduled) have no cause elsewhere.
    """

    finding: Finding
    weight: float
    place: ObjectRef
    claims: tuple[Claim, ...] = ()
    toward: ObjectRef | None = None
    local: bool = False
