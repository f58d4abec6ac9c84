"""`incident-copilot usage`: what the model has cost."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from copilot.sessions.usage import Sum


class By(StrEnum):
    """What to sum by."""

    SESSION = "session"
    USER = "user"
    TEAM = "team"
    MODEL = "model"


def usage(
    by: Annotated[By, typer.Option(help="What to sum by.")] = By.TEAM,
    since: Annotated[str, typer.Option(help="Only the last 7d, 12h, …", metavar="AGE")] = "",
    session: Annotated[str, typer.Option(help="Only this session.", metavar="ID")] = "",
    user: Annotated[str, typer.Option(help="Only this user.", metavar="NAME")] = "",
    team: Annotated[str, typer.Option(help="Only this team.", metavar="NAME")] = "",
    format: o.OutputFormat = o.Format.TEXT,
) -> None:
    """Sum up tokens, cached tokens, money and seconds of the answers that a model was asked for."""

    async def command() -> ExitCode:
        from copilot.model.clock import SystemClock
        from copilot.sessions.database import open_database
        from copilot.sessions.ledger import AnswerLedger
        from copilot.sessions.usage import as_data, sums

        start = SystemClock().now() - o.age(since) if since else None
        ledger = AnswerLedger(open_database(settings().state.database_url))
        rows = ledger.answered(since=start, session=session, user=user, team=team)
        found = sums(rows, by.value)
        if format is o.Format.JSON:
            print_json({"schema_version": "1", "by": by.value, "rows": [as_data(s) for s in found]})
        else:
            print(_table(by.value, found))
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


def _table(by: str, found: list[Sum]) -> str:
    if not found:
        return "No answer of a model is booked yet."
    head = (by, "answers", "tokens in", "cached", "tokens out", "seconds", "US dollars")
    rows = [head]
    for s in found:
        cached = f"{s.cached / s.input:.0%}" if s.input else "–"
        money = "unknown" if s.unpriced == s.answers else f"{s.money:.4f}"
        money += f" + {s.unpriced} of unknown price" if 0 < s.unpriced < s.answers else ""
        numbers = (
            f"{s.answers}",
            f"{s.input:,}",
            cached,
            f"{s.output:,}",
            f"{s.seconds:.1f}",
            money,
        )
        rows.append((s.name, *numbers))
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if n == 0 else c.rjust(w)
            for n, (c, w) in enumerate(zip(r, widths, strict=True))
        )
        for r in rows
    )
