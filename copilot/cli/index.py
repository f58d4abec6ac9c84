"""`incident-copilot index`: the team's runbooks and past incidents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.batch import BATCH_LIMIT, answer, read_queries
from copilot.cli.console import narrate, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.index_accept import accept
from copilot.cli.progress import Bar
from copilot.cli.running import run, settings
from copilot.cli.sync import sync
from copilot.cli.watch import follow, interval, watch

if TYPE_CHECKING:
    from retrieval.documents import IngestReport
    from retrieval.knowledge import KnowledgeIndex


class SearchFormat(StrEnum):
    """How search results are printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


app = typer.Typer(help="Index your runbooks and past incidents.", no_args_is_help=True)
app.command()(sync)
app.command()(watch)
app.command()(accept)


@app.command()
def add(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders: Markdown, text, HTML, JSON, CSV.")
    ],
) -> None:
    """Add documents, or update those that have changed."""

    async def command() -> ExitCode:
        from copilot.model.clock import SystemClock
        from copilot.model.errors import UsageError
        from copilot.sessions.knowledge import change

        for path in paths:
            if not path.exists():
                raise UsageError(f"there is no such file or folder: {path}")
        async with open_index() as index:
            now = SystemClock().now()
            with Bar() as bar:
                report = await change(lambda: index.add(paths, now, progress=bar.step))
        for path_, reason in report.skipped:
            narrate(f"skipped {path_}: {reason}", style="yellow")
        print(
            f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
            f"{len(report.skipped)} skipped"
        )
        done = report.added or report.updated or report.unchanged
        return ExitCode.OK if done or not report.skipped else ExitCode.USAGE

    run(command())


@app.command()
def status(format: o.OutputFormat = o.Format.TEXT) -> None:
    """Say what is indexed."""

    async def command() -> ExitCode:
        async with open_index() as index:
            state = asdict(index.status())
        if format is o.Format.JSON:
            print_json(state)
        else:
            for key, value in state.items():
                print(f"{key}: {value}")
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


@app.command()
def refresh(
    every: Annotated[
        str, typer.Option(help="Again and again until interrupted, such as 10m or 1h.")
    ] = "",
) -> None:
    """Look at every indexed path again: update what changed, remove what is gone."""

    async def command() -> ExitCode:
        if every:
            await follow(interval(every))
        async with open_index() as index:
            report = await refreshed(index)
        print(report.line)
        return ExitCode.OK

    run(command())


@app.command()
def rebuild() -> None:
    """Make the search indexes anew from the stored documents."""

    async def command() -> ExitCode:
        from copilot.sessions.knowledge import change

        async with open_index() as index:
            with Bar() as bar:
                await change(lambda: index.rebuild(bar.step))
        print("rebuilt")
        return ExitCode.OK

    run(command())


@app.command()
def remove(path: Annotated[Path, typer.Argument(help="File or folder to forget.")]) -> None:
    """Remove documents from the index; the files stay."""

    async def command() -> ExitCode:
        from copilot.sessions.knowledge import change

        async with open_index() as index:
            report = await change(lambda: index.remove(path))
        print(f"{report.removed} removed")
        return ExitCode.OK

    run(command())


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")] = "",
    batch: Annotated[
        Path | None,
        typer.Option(help='Many queries in one run: a JSONL file of {"id", "query"} lines.'),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many documents (10 with --batch).", min=0)] = 0,
    builtin: Annotated[
        bool, typer.Option(help="List built-in runbooks too, after your own documents.")
    ] = True,
    format: Annotated[SearchFormat, typer.Option(help="How to print.")] = SearchFormat.TEXT,
) -> None:
    """Search your documents; what is built in never comes before them."""

    async def command() -> ExitCode:
        from copilot.model.errors import UsageError
        from retrieval.values import BuiltIn

        place = BuiltIn.LAST if builtin else BuiltIn.NEVER
        if bool(query) == bool(batch):
            raise UsageError(
                "give one query, or --batch FILE",
                hint='try: incident-copilot index search "pods keep restarting"',
            )
        if batch is not None:
            queries = read_queries(batch)
            async with open_index() as index:
                for each in queries:
                    hits = await index.search(
                        each.query, limit=limit or BATCH_LIMIT, builtin=place, fill=True
                    )
                    print(json.dumps(answer(each.id, hits), ensure_ascii=False))
            return ExitCode.OK
        async with open_index() as index:
            hits = await index.search(query, limit=limit or 5, builtin=place)
        if format is SearchFormat.JSON:
            print_json({"results": [asdict(hit) for hit in hits]})
        for hit in hits if format is not SearchFormat.JSON else ():
            if format is SearchFormat.JSONL:
                print(json.dumps(asdict(hit), ensure_ascii=False))
                continue
            label = " (built-in)" if hit.builtin else ""
            print(f"{hit.score:.2f}  {hit.title} › {hit.section}{label}\n      {hit.path}")
            for note in hit.notes:
                print(f"      {note}")
        return ExitCode.OK

    run(command(), json=format is not SearchFormat.TEXT)


async def refreshed(index: KnowledgeIndex) -> IngestReport:
    """Refresh the index, saying what was skipped. Raises `UnavailableError`."""
    from copilot.model.clock import SystemClock
    from copilot.sessions.knowledge import change

    now = SystemClock().now()
    with Bar() as bar:
        report = await change(lambda: index.refresh(now, progress=bar.step))
    for path, reason in report.skipped:
        narrate(f"skipped {path}: {reason}", style="yellow")
    return report


@asynccontextmanager
async def open_index() -> AsyncIterator[KnowledgeIndex]:
    """Open the index that the settings name."""
    from copilot.sessions.database import open_database
    from copilot.sessions.knowledge import open_knowledge

    loaded = settings()
    engine = open_database(loaded.state.database_url)
    index = await open_knowledge(
        engine, loaded.state.folder, builtin=loaded.knowledge.builtin, settings=loaded
    )
    try:
        yield index
    finally:
        index.close()
        engine.dispose()
