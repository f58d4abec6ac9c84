"""`incident-copilot index watch`, and refreshes on a schedule: the index follows its sources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import narrate
from copilot.cli.exits import ExitCode
from copilot.cli.running import run

if TYPE_CHECKING:
    from datetime import timedelta


def watch(
    every: Annotated[
        str, typer.Option(help="How often to look at the files, such as 2s or 1m.")
    ] = "2s",
) -> None:
    """Watch every indexed file and folder, and index what changes, until interrupted."""

    async def command() -> ExitCode:
        from retrieval.ingestion.walk import signature

        await follow(interval(every), signature)
        return ExitCode.OK

    run(command())


def interval(text: str) -> timedelta:
    """Parse the value of `--every`. Raises `UsageError`."""
    from copilot.model.errors import UsageError

    try:
        return o.age(text)
    except UsageError:
        raise UsageError(
            f"--every {text!r} is not an interval", hint="write it like 30s, 10m or 1h"
        ) from None


async def follow(every: timedelta, signature: Callable[[list[str]], str] | None = None) -> None:
    """Refresh the index now and again and again; with a `signature` of the sources, only when it changes.

    What cannot be done once, as while another process changes the index, is said and tried again.
    """
    from copilot.cli.index import open_index, refreshed
    from copilot.model.errors import UnavailableError

    seen = ""
    while True:
        try:
            # Opened anew each time, so that other processes may change the index in between.
            async with open_index() as index:
                sources = list(index.status().sources) if signature else []
                now = await asyncio.to_thread(signature, sources) if signature else ""
                if not signature or now != seen:
                    report = await refreshed(index)
                    if report.added or report.updated or report.removed or not seen:
                        print(report.line, flush=True)
                    seen = now or "done"
        except UnavailableError as error:
            narrate(f"not refreshed: {error.message}", style="yellow")
        await asyncio.sleep(every.total_seconds())
