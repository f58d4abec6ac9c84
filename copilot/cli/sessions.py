"""`incident-copilot sessions`: what can be gone on with."""

from __future__ import annotations

from typing import Annotated

import typer

from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings


def list_sessions(
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
) -> None:
    """List the latest sessions."""

    async def command() -> ExitCode:
        from copilot.sessions.database import open_database
        from copilot.sessions.store import SessionStore

        store = SessionStore(open_database(settings().state.database_url))
        for info in store.recent(limit):
            print(f"{info.id}  {info.created_at:%Y-%m-%d %H:%M}  {info.title or '(no title)'}")
        return ExitCode.OK

    run(command())
