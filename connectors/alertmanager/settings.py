"""How to reach an Alertmanager."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings(HttpSettings):
    """Address, credentials and limits of one Alertmanager.

    `matchers` choose alerts at the source: `namespace="shop"`, `severity=~"warning|critical"`.
    """

    product: ClassVar[str] = "Alertmanager"
    endings: ClassVar[tuple[str, ...]] = ("/api/v2",)

    matchers: tuple[str, ...] = ()
