"""Runbooks and past incidents from folders and git repositories."""

from connectors.files.settings import FolderSettings, GitSettings
from connectors.files.source import FolderDocuments, GitDocuments

__all__ = ["FolderDocuments", "FolderSettings", "GitDocuments", "GitSettings"]
