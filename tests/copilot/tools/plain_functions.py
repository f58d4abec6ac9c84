"""Functions that know nothing of the copilot, for the tests of toolsets."""

from __future__ import annotations

from typing import Annotated, Any


def on_call(team: Annotated[str, "Name of the team"], week: int = 0) -> dict[str, Any]:
    """Who is on call for a team."""
    return {"team": team, "week": week, "mail": "jane.doe@example.com", "password": "hunter2"}


async def pages(count: int) -> str:
    """A long text."""
    return "a line of text\n" * count


def secret() -> str:
    """Not allowed in the tests."""
    return ""


def undocumented() -> str:
    return ""
