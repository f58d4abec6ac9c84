"""`incident-copilot config`: where the settings are, and what they say."""

from __future__ import annotations

import typer

from copilot.cli.console import print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

app = typer.Typer(help="Show the settings.", no_args_is_help=True)


@app.command()
def path() -> None:
    """Print the path of the settings file."""

    async def command() -> ExitCode:
        from copilot.config.settings import config_path

        print(config_path())
        return ExitCode.OK

    run(command())


@app.command()
def show() -> None:
    """Print the settings in force as JSON, secrets masked."""

    async def command() -> ExitCode:
        print_json(settings().model_dump(mode="json"))
        return ExitCode.OK

    run(command())
