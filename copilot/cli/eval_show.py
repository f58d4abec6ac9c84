"""What the eval commands share: the choice of an oracle, and tables on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from eval.report.tables import Table

Oracle = Literal["compat", "strict"]
OracleOption = Annotated[
    Oracle,
    typer.Option(
        "--oracle", help="The published checks (compat), or the cause and the users (strict)."
    ),
]


def print_table(title: str, table: Table) -> None:
    """Print a table on standard output, nothing when it has no rows."""
    from rich.table import Table as RichTable

    from copilot.cli.console import stdout_console

    header, body = table
    if not body:
        return
    shown = RichTable(title=title, title_justify="left", box=None, pad_edge=False)
    for column in header:
        shown.add_column(column, overflow="fold")
    for row in body:
        shown.add_row(*row)
    stdout_console().print(shown)
