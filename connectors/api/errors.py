"""Errors of connectors. The core wraps them where it calls them."""

from __future__ import annotations


class ConnectorError(Exception):
    """A source did not give what was asked; the text says what was asked and why it failed."""


class SourceUnreachable(ConnectorError):
    """Nothing answers there, or not in time."""


class SourceForbidden(ConnectorError):
    """The source answers and refuses our credentials or rights (401, 403)."""


class SourceMissing(ConnectorError):
    """The named object does not exist (404)."""


class SourceRejected(ConnectorError):
    """The source understands the request and refuses it: a bad query, a conflict, an invalid patch."""
