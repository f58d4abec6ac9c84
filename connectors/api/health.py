"""How `doctor` rows are made of a source's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceUnreachable,
)
from connectors.api.values import Check


def failed(name: str, error: ConnectorError) -> Check:
    """Return the row of a check that an error ended, with what to do about it."""
    match error:
        case SourceForbidden():
            repair = "set credentials that may read"
        case SourceMissing():
            repair = "set the URL with the path under which it is served"
        case SourceUnreachable():
            repair = "check the URL; from outside the cluster: kubectl port-forward to it"
        case _:
            repair = "check that the URL is its own"
    return Check(name, False, str(error), repair)


async def deployments_listed(
    source: str, url: str, project: str, get: Callable[[], Awaitable[object]]
) -> Check:
    """Try to list a project's deployments; `get` asks for one and raises `ConnectorError`."""
    try:
        found = await get()
    except ConnectorError as error:
        return failed(source, error)
    detail = f"{project} has {'deployments' if found else 'no deployments'}"
    return Check(source, True, f"{url}: {detail}")
