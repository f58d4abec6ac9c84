"""`incident-copilot index accept`: a postmortem becomes part of the team's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings


def accept(
    postmortem: Annotated[
        str,
        typer.Argument(
            help="A session, whose draft is taken, or a completed Markdown file.",
            metavar="SESSION|FILE",
        ),
    ],
    show: Annotated[bool, typer.Option(help="Print it only, to be completed in a file.")] = False,
    held: Annotated[str, typer.Option(help="Whether the fix held: yes or no.")] = "",
    cause: Annotated[str, typer.Option(help="The cause, if it was another.")] = "",
    fix: Annotated[str, typer.Option(help="What fixed it, if it was something else.")] = "",
) -> None:
    """Remember a postmortem as a past incident; accepting it again replaces it."""

    async def command() -> ExitCode:
        from copilot.cli.index import open_index
        from copilot.model.clock import SystemClock
        from copilot.model.errors import UsageError
        from copilot.sessions.knowledge import change

        if held not in ("", "yes", "no"):
            raise UsageError(f"--held {held!r} is neither yes nor no")
        name, text = _read(postmortem)
        if show:
            print(text, end="" if text.endswith("\n") else "\n")
            return ExitCode.OK
        identity, title, body, known = _parted(name, text)
        said = {"held": {"yes": "true", "no": "false"}.get(held, ""), "cause": cause, "fix": fix}
        known |= {key: value for key, value in said.items() if value}
        async with open_index() as index:
            now = SystemClock().now()
            await change(lambda: index.accept(identity, title, body, known, now))
        print(f"accepted: {title} (accepted/{identity})")
        return ExitCode.OK

    run(command())


def _read(postmortem: str) -> tuple[str, str]:
    """Return what names a postmortem, and its text. Raises `CopilotError`."""
    from copilot.model.errors import NotFoundError, UsageError
    from copilot.sessions.database import open_database
    from copilot.sessions.postmortem import postmortem as draft
    from copilot.sessions.store import SessionStore

    path = Path(postmortem)
    if path.is_file():
        try:
            return path.stem, path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
    if path.suffix:
        raise UsageError(f"there is no such file: {path}")
    store = SessionStore(open_database(settings().state.database_url))
    text = draft(store.stream(store.info(postmortem).id))
    if not text:
        raise NotFoundError(
            f"session {postmortem} found no incident",
            hint="give a session that ended with a diagnosis, or a Markdown file",
        )
    return postmortem, text


def _parted(name: str, text: str) -> tuple[str, str, str, dict[str, str]]:
    """Return identity, title, body and what is known of a postmortem. Raises `UsageError`."""
    from copilot.model.errors import UsageError
    from retrieval.errors import UnreadableFile
    from retrieval.ingestion.front_matter import split_front_matter

    try:
        known, body = split_front_matter(text)
    except UnreadableFile as error:
        raise UsageError(f"{name}: {error}", hint="correct the lines between ---") from error
    if not body.strip():
        raise UsageError(f"{name}: there is no text in it")
    heading = next((line[2:] for line in body.splitlines() if line.startswith("# ")), name)
    title = known.pop("title", "") or heading.strip()
    known.pop("kind", None)
    return known.pop("id", "") or name, title, body, known
