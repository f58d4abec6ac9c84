"""How to reach a Jaeger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class JaegerSettings(HttpSettings):
    """Address, credentials and limits of one Jaeger query service.

    `url` has the base path under which the user interface is served, such as /jaeger/ui.
    """

    product: ClassVar[str] = "Jaeger"
    endings: ClassVar[tuple[str, ...]] = ("/api", "/search")
