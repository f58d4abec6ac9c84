"""Options that several commands share, declared once."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import timedelta


class Format(StrEnum):
    """How a command prints its data."""

    TEXT = "text"
    JSON = "json"


Kubeconfig = Annotated[Path | None, typer.Option(help="Kubeconfig to use.", metavar="FILE")]
Context = Annotated[str, typer.Option(help="Context of the kubeconfig.", metavar="NAME")]
Prometheus = Annotated[str, typer.Option(help="Base URL of Prometheus.", metavar="URL")]
Namespace = Annotated[
    list[str] | None,
    typer.Option("--namespace", "-n", help="Namespace to look at; repeatable.", metavar="NAME"),
]
Service = Annotated[
    list[str] | None,
    typer.Option("--service", "-s", help="Service in question; repeatable.", metavar="NAME"),
]
Since = Annotated[
    str, typer.Option(help="How far back the trouble may have begun: 30m, 2h, 1d.", metavar="AGE")
]
NoModel = Annotated[bool, typer.Option("--no-model", help="Answer with the evidence engine alone.")]
OutputFormat = Annotated[Format, typer.Option("--format", help="text, or json for machines.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def age(text: str) -> timedelta:
    """Parse "30m". Raises `UsageError`."""
    from datetime import timedelta

    from copilot.model.errors import UsageError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not match or float(match[1]) <= 0:
        raise UsageError(f"--since {text!r} is not an age", hint="write it like 30m, 2h or 1d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
