"""Which folder, or which repository."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from connectors.api.values import DocumentKind

_URL = re.compile(r"(?:https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:\S+")


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """A folder, all of whose documents are of one kind."""

    folder: Path
    kind: DocumentKind = "runbook"


@dataclass(frozen=True, slots=True)
class GitSettings:
    """A repository by URL or local path, and where its working copy is kept (`cache`).

    `branch` "" is the repository's own; `subfolder` "" is all of it. `token` goes with an https
    URL as its password, and never into the working copy's configuration or a command line. `timeout` bounds one run of git,
    in seconds.
    """

    url: str
    cache: Path
    branch: str = ""
    subfolder: str = ""
    kind: DocumentKind = "runbook"
    token: str = field(default="", repr=False)
    username: str = "oauth2"
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url) and not Path(self.url).expanduser().is_dir():
            shown = "" if "@" in self.url else f" {self.url!r}"
            raise ValueError(f"the repository{shown} is neither a URL of git nor a folder")
        if re.match(r"https?://[^/]*:[^/]*@", self.url):
            raise ValueError("the repository's URL holds a password: give it as token instead")
        if self.branch.startswith("-") or self.url.startswith("-"):
            raise ValueError("neither the repository nor its branch may begin with a dash")
        if self.subfolder.startswith("/") or ".." in Path(self.subfolder).parts:
            raise ValueError("subfolder is a path inside the repository, without '..'")
        if self.timeout <= 0:
            raise ValueError("the time-out of git must be more than 0 seconds")
