"""How to reach a Jira."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings

INCIDENTS = "issuetype = Incident AND statusCategory = Done"
"""The JQL that finds past incidents where nobody says another."""


@dataclass(frozen=True, slots=True)
class JiraSettings(HttpSettings):
    """Address, credentials and limits of one Jira, Cloud (https://SITE.atlassian.net) or Data Center.

    Cloud takes the account's e-mail as `username` and an API token as `password`; Data Center a
    personal access token as `token`. `query` is the JQL that finds the incidents; `most` bounds
    how many are read, the newest first where the query does not order them.
    """

    product: ClassVar[str] = "Jira"
    endings: ClassVar[tuple[str, ...]] = ("/rest/api/3", "/rest/api/2", "/rest/api", "/rest")

    query: str = INCIDENTS
    most: int = 1000

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not self.query.strip():
            raise ValueError("Jira needs a query in JQL that finds the incidents")
