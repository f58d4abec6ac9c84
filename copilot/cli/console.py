"""Two channels: data on stdout, narration on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def narrate(text: str, *, style: str = "") -> None:
    """Print one line of narration on stderr, in colour on a terminal."""
    stderr_console().print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)


def stderr_console() -> Console:
    """Return the console on stderr."""
    from rich.console import Console

    return Console(stderr=True)


def stdout_console() -> Console:
    """Return the console on stdout; not on a terminal it prints plain text, never cut."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    return Console(width=width)


def print_markdown(text: str) -> None:
    """Print Markdown as data: rendered on a terminal, as it is otherwise."""
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        stdout_console().print(Markdown(text))
    else:
        print(text)


def change_markdown(title: str, diff: str) -> str:
    """Return a proposed change as Markdown: what it is, and the dry run's diff."""
    return f"{title}\n\n```diff\n{diff}\n```"


def print_json(document: dict[str, Any]) -> None:
    """Print the one JSON document of a command."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def interactive() -> bool:
    """Return whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def error(message: str, hint: str = "") -> None:
    """Print an error and what to do about it on stderr."""
    narrate(f"error: {message}", style="bold red")
    if hint:
        narrate(f"  → {hint}")
