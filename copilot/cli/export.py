"""`incident-copilot export`: what is stored, for other programs and for the postmortem."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from copilot.cli.console import narrate, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

app = typer.Typer(help="Export what is stored.", no_args_is_help=True)


class As(StrEnum):
    """How a trajectory is written."""

    JSON = "json"
    MARKDOWN = "markdown"


@app.command()
def trajectory(
    session: Annotated[str, typer.Argument(help="The session.", metavar="SESSION")],
    format: Annotated[
        As, typer.Option("--format", help="json, or markdown to read.")
    ] = As.MARKDOWN,
) -> None:
    """Print everything that happened in a session, step by step."""

    async def command() -> ExitCode:
        from copilot.sessions.database import open_database
        from copilot.sessions.store import SessionStore
        from copilot.sessions.trajectory import trajectory as data
        from copilot.sessions.trajectory import trajectory_markdown

        stream = SessionStore(open_database(settings().state.database_url)).stream(session)
        if format is As.JSON:
            print_json(data(session, stream))
        else:
            print(trajectory_markdown(session, stream), end="")
        return ExitCode.OK

    run(command(), json=format is As.JSON)


@app.command("fine-tuning")
def fine_tuning(
    out: Annotated[
        Path, typer.Option(help="Folder for train.jsonl and valid.jsonl.", metavar="DIR")
    ],
    valid: Annotated[
        float, typer.Option(help="Share of the latest incidents that validate.", min=0.0, max=0.9)
    ] = 0.2,
    until: Annotated[
        str, typer.Option(help="Train on incidents up to this date instead.", metavar="DATE")
    ] = "",
) -> None:
    """Write the team's indexed incidents as chat conversations: redacted, and split by time."""

    async def command() -> ExitCode:
        from copilot.model.errors import NotFoundError, UsageError
        from copilot.sessions.database import open_database
        from copilot.sessions.finetuning import incidents, split

        if until and not _is_date(until):
            raise UsageError(f"--until {until!r} is no date", hint="write it like 2026-01-31")
        documents = incidents(open_database(settings().state.database_url))
        found = split(documents, valid, until)
        for reason, count in found.left_out.items():
            narrate(f"  {count} left out: {reason}", style="yellow")
        if not found.train and not found.valid:
            raise NotFoundError(
                "no past incident with a date, a cause and a fix is indexed",
                hint="index them with: incident-copilot index add FOLDER",
            )
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, lines in (("train", found.train), ("valid", found.valid)):
                text = "".join(f"{line}\n" for line in lines)
                (out / f"{name}.jsonl").write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"cannot write to {out}: {error.strerror}", hint="give another folder with --out"
            ) from error
        narrate(
            f"  {len(found.train)} to train (until {found.until or '–'}), {len(found.valid)} to validate"
        )
        return ExitCode.OK

    run(command())


def _is_date(text: str) -> bool:
    from datetime import date

    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
