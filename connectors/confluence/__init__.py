"""Runbooks from Confluence."""

from connectors.confluence.settings import ConfluenceSettings
from connectors.confluence.source import ConfluencePages

__all__ = ["ConfluencePages", "ConfluenceSettings"]
