"""How to reach a Confluence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings
from connectors.api.values import DocumentKind


@dataclass(frozen=True, slots=True)
class ConfluenceSettings(HttpSettings):
    """Address, credentials and limits of one Confluence, Cloud (https://SITE.atlassian.net/wiki) or Data Center.

    Cloud takes the account's e-mail as `username` and an API token as `password`; Data Center a
    personal access token as `token`. `spaces` are keys; `label` "" takes every page of them. `most` bounds the pages.
    """

    product: ClassVar[str] = "Confluence"
    endings: ClassVar[tuple[str, ...]] = ("/rest/api", "/rest")

    spaces: tuple[str, ...] = ()
    label: str = ""
    kind: DocumentKind = "runbook"
    most: int = 2000

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not self.spaces and not self.label:
            raise ValueError("Confluence needs spaces (their keys), or a label")
        for word in (*self.spaces, self.label):
            if '"' in word or "\\" in word:
                raise ValueError("a Confluence space or label must not contain quotes")
