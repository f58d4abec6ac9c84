"""How to reach GitHub, or a GitHub Enterprise Server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from connectors.api.http import HttpSettings

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class GitHubSettings(HttpSettings):
    """Address, credentials and limits. `repositories` are "owner/name"; `environment` "" is any.

    `token` needs the right to read deployments. A GitHub Enterprise Server has its API under
    https://HOST/api/v3.
    """

    product: ClassVar[str] = "GitHub"

    url: str = "https://api.github.com"
    repositories: tuple[str, ...] = ()
    environment: str = ""

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not self.repositories:
            raise ValueError('GitHub needs repositories: write them as "owner/name"')
        for name in self.repositories:
            if not _REPOSITORY.fullmatch(name):
                raise ValueError(f'"{name}" is no GitHub repository: write it as "owner/name"')
