"""How to reach an Argo CD server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class ArgoSettings(HttpSettings):
    """Address, credentials and limits of one Argo CD. `token` is of an account that may `get` applications."""

    product: ClassVar[str] = "Argo CD"
    endings: ClassVar[tuple[str, ...]] = ("/api/v1", "/applications")
