"""How to reach a Tempo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class TempoSettings(HttpSettings):
    """Address, credentials and limits of one Tempo.

    `tenant` is sent as X-Scope-OrgID. Tempo has no list of dependencies: they are counted in
    `sampled_traces` traces.
    """

    product: ClassVar[str] = "Tempo"
    endings: ClassVar[tuple[str, ...]] = ("/api",)

    tenant: str = ""
    sampled_traces: int = 40

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.sampled_traces < 1:
            raise ValueError("Tempo's sampled_traces must be at least 1")
