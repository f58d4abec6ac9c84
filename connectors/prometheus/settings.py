"""How to reach a Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class PrometheusSettings(HttpSettings):
    """Address, credentials and limits of one Prometheus or compatible store."""

    product: ClassVar[str] = "Prometheus"
    example: ClassVar[str] = "http://host:9090"
    endings: ClassVar[tuple[str, ...]] = ("/api/v1", "/graph")
