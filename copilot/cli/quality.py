"""`incident-copilot quality` and `rate`: how good the answers are, and what people think of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import narrate, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from copilot.sessions.quality import Group

app = typer.Typer(help="How good the answers are.", no_args_is_help=True)


@app.command()
def report(
    since: Annotated[str, typer.Option(help="How far back: 90d, …", metavar="AGE")] = "90d",
    format: o.OutputFormat = o.Format.TEXT,
) -> None:
    """Ratings, verified claims, fallbacks and failed tool calls by week, model and prompt version.

    Exit code 12 when the last week is worse than those before it.
    """

    async def command() -> ExitCode:
        from copilot.model.clock import SystemClock
        from copilot.sessions.database import open_database
        from copilot.sessions.ledger import AnswerLedger
        from copilot.sessions.quality import groups, regressions
        from copilot.sessions.ratings import USEFUL

        ledger = AnswerLedger(open_database(settings().state.database_url))
        begin = SystemClock().now() - o.age(since)
        found, ratings = groups(ledger.answered(since=begin)), ledger.ratings(since=begin)
        worse = regressions(found)
        if format is o.Format.JSON:
            rows = [group.data() for group in found]
            every = {"count": len(ratings.given), "mean": ratings.mean}
            every["useful_share"] = ratings.useful_share
            report = {"schema_version": "1", "rows": rows, "regressions": worse, "ratings": every}
            print_json(report)
        else:
            print(_table(found))
            # Answers of the evidence engine alone are rated, too, and are in no row above.
            share = ratings.useful_share
            useful = "" if share is None else f", {share:.0%} rated {USEFUL} or more"
            print(f"All answers: {ratings}{useful}")
        for line in worse:
            narrate(f"  ▸ worse: {line}", style="bold red")
        return ExitCode.WORSE if worse else ExitCode.OK

    run(command(), json=format is o.Format.JSON)


def rate(
    session: Annotated[str, typer.Argument(help="The session.", metavar="SESSION")],
    useful: Annotated[int, typer.Argument(help="1 (useless) to 5 (very useful).", metavar="1-5")],
    text: Annotated[str, typer.Option(help="What was good or bad.", metavar="TEXT")] = "",
    turn: Annotated[
        int, typer.Option(help="Position of the question; by default the last answered one.")
    ] = -1,
) -> None:
    """Say how useful an answer was."""

    async def command() -> ExitCode:
        import getpass

        from copilot.model.clock import SystemClock
        from copilot.sessions.database import open_database
        from copilot.sessions.ledger import AnswerLedger

        ledger = AnswerLedger(open_database(settings().state.database_url))
        now, user = SystemClock().now(), getpass.getuser()
        ledger.rate(session, useful, now, text=text, user=user, turn=turn)
        narrate(f"  stored: {useful} of 5 for the answer in session {session}")
        return ExitCode.OK

    run(command())


def _table(found: list[Group]) -> str:
    if not found:
        return "No answer of a model is booked yet."
    head = ("week", "model", "prompts", "answers", "rating", "verified", "fallbacks", "tool errors")
    rows = [head]
    for g in found:
        rating = "–" if g.rating is None else f"{g.rating:.1f} ({len(g.ratings)})"
        shares = (_share(g.grounded), _share(g.fallback), _share(g.error))
        rows.append((g.week, g.model, g.prompts, str(g.answers), rating, *shares))
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
