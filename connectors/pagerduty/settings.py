"""How to reach PagerDuty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class PagerDutySettings(HttpSettings):
    """Address, credentials and limits of one PagerDuty account.

    `token` (or what `token_file` holds) is a REST API key; a read-only one is enough. `services` are ids; none: all.
    `lookback_days` is how far back an incident that is still open may have begun.
    """

    product: ClassVar[str] = "PagerDuty"
    scheme: ClassVar[str] = "Token token="

    url: str = "https://api.pagerduty.com"
    services: tuple[str, ...] = ()
    lookback_days: int = 30

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.username:
            raise ValueError("PagerDuty takes an API key (token), not a user name")
        if not 1 <= self.lookback_days <= 180:
            raise ValueError("PagerDuty's lookback_days must be between 1 and 180")
