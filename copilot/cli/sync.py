"""`incident-copilot index sync`: brings the documents of repositories, wikis and trackers into the index."""

from __future__ import annotations

from copilot.cli import options as o
from copilot.cli.console import narrate, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings


def sync(format: o.OutputFormat = o.Format.TEXT) -> None:
    """Fetch the documents of the settings' `[documents.NAME]` and index what changed.

    A source that fails keeps the documents that it gave before; the exit code is 3 then.
    """

    async def command() -> ExitCode:
        from dataclasses import asdict

        from copilot.cli.index import open_index
        from copilot.model.clock import SystemClock
        from copilot.model.errors import ConfigError
        from copilot.sessions.documents import sync as fetch
        from copilot.sessions.knowledge import change

        loaded, clock = settings(), SystemClock()
        done = await fetch(loaded, clock.now)
        if not done:
            raise ConfigError("no source of documents is set", hint="see docs/connectors.md")
        for one in done:
            if one.failure:
                narrate(f"{one.name}: {one.failure}", style="red")
            for path, reason in one.skipped:
                narrate(f"{one.name}: skipped {path}: {reason}", style="yellow")
        folders = [one.folder for one in done if one.folder.is_dir()]
        async with open_index() as index:
            report = await change(lambda: index.add(folders, clock.now()))
        for path_, reason in report.skipped:
            narrate(f"skipped {path_}: {reason}", style="yellow")
        if format is o.Format.JSON:
            print_json({"sources": [{**asdict(one), "folder": str(one.folder)} for one in done]})
        else:
            for one in done:
                state = "failed" if one.failure else f"{one.written} new or changed, "
                more = "" if one.failure else f"{one.unchanged} unchanged, {one.removed} removed"
                print(f"{one.name}: {state}{more}")
            print(
                f"index: {report.added} added, {report.updated} updated, {report.removed} removed"
            )
        return ExitCode.UNAVAILABLE if any(one.failure for one in done) else ExitCode.OK

    run(command(), json=format is o.Format.JSON)
