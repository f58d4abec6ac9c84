"""Folders and git repositories as sources of documents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.api.errors import ConnectorError, SourceForbidden, SourceMissing
from connectors.api.values import Check, Documents
from connectors.files import git
from connectors.files.reading import read_folder
from connectors.files.settings import FolderSettings, GitSettings


class FolderDocuments:
    """The documents of a folder. Fits `DocumentSource`."""

    def __init__(self, settings: FolderSettings) -> None:
        self._settings = settings

    @property
    def name(self) -> str:
        """The kind and the path."""
        return f"folder ({self._settings.folder})"

    async def documents(self) -> Documents:
        """Return the documents as they are now. Raises `ConnectorError`."""
        folder = self._settings.folder.expanduser()
        return await asyncio.to_thread(read_folder, folder, self._settings.kind)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        if await asyncio.to_thread(self._settings.folder.expanduser().is_dir):
            return [Check("documents", True, self.name)]
        detail = f"{self.name} does not exist"
        return [Check("documents", False, detail, "correct the path in the settings")]

    async def close(self) -> None:
        """Do nothing: no connection is held."""


class GitDocuments:
    """The documents of a git repository. Fits `DocumentSource`."""

    def __init__(self, settings: GitSettings) -> None:
        self._settings = settings
        self._updating = asyncio.Lock()

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"git ({self._settings.url})"

    async def documents(self) -> Documents:
        """Fetch the newest commit and return its documents. Raises `ConnectorError`."""
        async with self._updating:
            folder = await git.update(self._settings)
            return await asyncio.to_thread(read_folder, folder, self._settings.kind)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            commit = await git.heads(self._settings)
        except ConnectorError as error:
            return [Check("documents", False, str(error), _repair(error))]
        return [Check("documents", True, f"{self.name} at {commit[:12]}")]

    async def close(self) -> None:
        """Do nothing: no connection is held."""


def _repair(error: ConnectorError) -> str:
    match error:
        case SourceForbidden():
            return "set a token that may read the repository, or an ssh key without a passphrase"
        case SourceMissing():
            return "correct the URL or the branch"
        case _:
            return "check the URL, and that git is installed"
