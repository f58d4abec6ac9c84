"""The command line. Heavy imports happen inside the commands, so that `--help` is quick."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Annotated

import typer

from copilot import __version__
from copilot.cli import (
    ask,
    config,
    doctor,
    eval,
    export,
    fix,
    index,
    investigate,
    lab,
    mcp,
    quality,
    recommend,
    remembered,
    sessions,
    surfaces,
    tools,
    usage,
)
from copilot.cli.exits import ExitCode

app = typer.Typer(
    name="incident-copilot",
    help="The incident copilot: finds the cause, proves it, fixes it, and can undo the fix.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


app.command()(ask.ask)
app.command()(investigate.investigate)
app.command()(fix.fix)
app.command()(surfaces.demo)
app.command()(doctor.doctor)
app.command()(surfaces.tui)
app.command()(surfaces.slack)
app.command()(mcp.mcp)
app.command("sessions")(sessions.list_sessions)
app.command()(recommend.recommend)
app.command()(remembered.remembered)
app.command()(usage.usage)
app.command()(quality.rate)
app.add_typer(index.app, name="index")
app.add_typer(eval.app, name="eval")
app.add_typer(quality.app, name="quality")
app.add_typer(export.app, name="export")
app.add_typer(lab.app, name="lab")
app.add_typer(config.app, name="config")
app.add_typer(tools.app, name="tools")


def main() -> None:
    """Run the command line; a usage error is one line, and with `--format json` a document too."""
    try:
        sys.exit(app(prog_name="incident-copilot", standalone_mode=False) or 0)
    except typer.Abort:
        sys.exit(ExitCode.INTERRUPTED)
    except typer.TyperException as error:
        _usage_error(error)


def _usage_error(error: typer.TyperException) -> None:
    from copilot.cli.console import error as print_error
    from copilot.cli.console import print_json

    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "incident-copilot"
    message = error.format_message()
    if message:
        print_error(message, f"see: {command} --help")
    if _wants_json(sys.argv[1:]):
        from copilot.model.report import error_report

        print_json(error_report(ExitCode.USAGE, message, f"see: {command} --help", "UsageError"))
    sys.exit(error.exit_code)


def _wants_json(words: list[str]) -> bool:
    return "--format=json" in words or ("--format", "json") in pairwise(words)
