"""Runs a command: settings with the command line's overrides, errors to exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from copilot.cli import console
from copilot.cli.exits import ExitCode

if TYPE_CHECKING:
    from copilot.config.settings import Settings


def run(command: Coroutine[Any, Any, ExitCode], *, json: bool = False) -> None:
    """Run `command` to its exit code.

    Whatever happens, an error is one clear line on stderr and, with `json`, one document on stdout.
    """
    import asyncio

    from copilot.cli.outcomes import of_error
    from copilot.model.errors import CopilotError

    try:
        code = asyncio.run(command)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads the output has enough of it, as `head` has; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    except CopilotError as error:
        code = of_error(error)
        console.error(error.message, error.hint)
        if json:
            from copilot.model.report import report_of_error

            console.print_json(report_of_error(error, code))
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        console.narrate("interrupted", style="yellow")
        if json:
            _print_error(code, "interrupted", "KeyboardInterrupt")
    except Exception as error:  # noqa: BLE001 - the outermost surface: report it, never a bare traceback
        code = ExitCode.INTERNAL
        if os.environ.get("INCIDENT_COPILOT_DEBUG"):
            import traceback

            console.narrate(traceback.format_exc(), style="dim")
        console.error(
            f"this is a fault of the copilot: {type(error).__name__}: {error}",
            "set INCIDENT_COPILOT_DEBUG=1 for the traceback, and report it",
        )
        if json:
            _print_error(code, str(error), type(error).__name__)
    raise typer.Exit(code)


def _print_error(code: ExitCode, message: str, kind: str) -> None:
    from copilot.model.report import error_report

    console.print_json(error_report(code, message, kind=kind))


def settings(
    *,
    kubeconfig: Path | None = None,
    context: str = "",
    prometheus: str = "",
    no_model: bool = False,
) -> Settings:
    """Load the settings and apply what was said on the command line. Raises `ConfigError`."""
    from copilot.config.settings import load_settings

    loaded = load_settings()
    cluster: dict[str, Any] = {}
    if kubeconfig is not None:
        cluster["kubeconfig"] = kubeconfig
    if context:
        cluster["context"] = context
    update: dict[str, Any] = {"cluster": loaded.cluster.model_copy(update=cluster)}
    if prometheus:
        update["prometheus"] = loaded.prometheus.model_copy(update={"url": prometheus})
    if no_model:
        update["model"] = loaded.model.model_copy(update={"enabled": False})
    return loaded.model_copy(update=update)
