"""How to reach a GitLab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class GitLabSettings(HttpSettings):
    """Address, credentials and limits. `projects` are paths ("group/name") or numbers; `environment` "" is any.

    `token` is an access token with the scope `read_api`.
    """

    product: ClassVar[str] = "GitLab"
    endings: ClassVar[tuple[str, ...]] = ("/api/v4",)

    url: str = "https://gitlab.com"
    projects: tuple[str, ...] = ()
    environment: str = ""

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not self.projects or not all(name.strip("/ ") for name in self.projects):
            raise ValueError('GitLab needs projects: write them as "group/name"')
