"""eval recommend: how good recommended causes and mitigations are, against what was true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.eval_show import print_table
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from datetime import datetime

    from copilot.config.settings import Settings
    from eval.recommendation.evaluate import Graded, Line
    from eval.recommendation.incidents import Incident
    from eval.recommendation.protocol import Recommender

_JSONL = "JSONL"


def recommend(
    incidents: Annotated[
        Path, typer.Argument(help="Past incidents, as JSON lines.", metavar=_JSONL)
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model's name at the configured endpoint, fine-tuned or not; repeatable. Each is "
            "asked zero-shot and with retrieval.",
            metavar="NAME",
        ),
    ] = None,
    recurrences: Annotated[
        Path | None, typer.Option(help="Which incidents have one cause.", metavar=_JSONL)
    ] = None,
    ratings: Annotated[
        Path | None, typer.Option(help="People's ratings, 1 to 5.", metavar=_JSONL)
    ] = None,
    since: Annotated[
        str, typer.Option(help="Ask about incidents from this day on: 2024-07-01.", metavar="DATE")
    ] = "",
    stale: Annotated[
        str, typer.Option(help="Ages of the index, in days.", metavar="DAYS")
    ] = "0,7,30,90",
    limit: Annotated[int, typer.Option(help="Ask about so many only; 0: all.", min=0)] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write each answer and its scores here.", metavar=_JSONL)
    ] = None,
) -> None:
    """Ask for causes and mitigations of past incidents, and compare them with the truth.

    Each incident is asked about with the earlier ones alone in the index.
    """

    async def command() -> ExitCode:
        from contextlib import AsyncExitStack

        from copilot.cli.console import narrate
        from copilot.sessions.database import open_database
        from copilot.sessions.ledger import AnswerLedger
        from eval.recommendation.evaluate import Wanted, evaluate, table
        from eval.recommendation.incidents import read_incidents, read_ratings, read_recurrences
        from eval.recommendation.people import by_model, people_table
        from eval.recommendation.textmetrics import TextMetrics

        known = read_incidents(incidents)
        wanted = Wanted(
            known,
            read_recurrences(recurrences) if recurrences else {},
            _day(since),
            _days(stale),
            limit,
        )
        rated = read_ratings(ratings) if ratings else []
        metrics = TextMetrics()
        step = 50

        def tell(done: int, number: int) -> None:
            if done % step == 0 or done == number:
                narrate(f"{done}/{number}", style="dim")

        async with AsyncExitStack() as stack:
            asked = await _recommenders(settings(), known, tuple(model or ()), stack)
            graded = await evaluate(wanted, asked, metrics.score, tell)
        if out is not None:
            _write(out, graded)
        _print(table(graded, rated))
        ledger = AnswerLedger(open_database(settings().state.database_url))
        print_table(
            "People's ratings of answers, from the feedback store", people_table(by_model(ledger))
        )
        return ExitCode.OK

    run(command())


async def _recommenders(
    known: Settings, incidents: list[Incident], models: tuple[str, ...], stack: AsyncExitStack
) -> list[Recommender]:
    from copilot.agent.client import ModelClient
    from copilot.sessions.answering import model_settings
    from eval.recommendation.controls import Newest
    from eval.recommendation.retrieval import Modelled, Retrieved, indexed

    index = await stack.enter_async_context(indexed(incidents))
    retrieved = Retrieved(index, len(incidents))
    found: list[Recommender] = [Newest(), retrieved]
    for name in models:
        section = known.model.model_copy(update={"name": name})
        for source in (None, retrieved):
            client = ModelClient(model_settings(section))
            asked = Modelled(client, name, section.max_seconds, source)
            stack.push_async_callback(asked.close)
            found.append(asked)
    return found


def _write(path: Path, graded: list[Graded]) -> None:
    import json
    from dataclasses import asdict

    rows = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in graded)
    path.write_text("".join(rows), encoding="utf-8")


def _print(lines: list[Line]) -> None:
    from rich.table import Table

    from copilot.cli.console import stdout_console
    from eval.recommendation.textmetrics import METRICS, TITLES

    title = "Recommendations against the truth: the first line / the best of five, in percent"
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    heads = ["recommender", "what", "incidents", "n", *(TITLES[name] for name in METRICS)]
    for head in (*heads, "recurrence found", "failed", "rating", "share ≥ 3"):
        shown.add_column(head, overflow="fold")
    for line in lines:
        scores = [f"{100 * line.first[m]:.1f} / {100 * line.best[m]:.1f}" for m in METRICS]
        shown.add_row(
            line.recommender,
            line.target.replace("_", " "),
            line.split,
            str(line.number),
            *scores,
            "" if line.recurred is None else f"{line.recurred:.0%}",
            str(line.failures or ""),
            "" if line.rating is None else f"{line.rating:.2f}",
            "" if line.good is None else f"{line.good:.0%}",
        )
    console = stdout_console()
    console.print(shown)
    console.print(
        "METEOR is without synonyms, and MiniLM stands where BERTScore has its own model: "
        "compare them within this table only."
    )


def _day(text: str) -> datetime | None:
    from datetime import UTC, datetime

    from copilot.model.errors import UsageError

    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"--since {text!r} is no day", hint="write it like 2024-07-01") from error


def _days(text: str) -> tuple[int, ...]:
    from copilot.model.errors import UsageError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise UsageError(f"--stale {text!r} are no days", hint="write them like 0,7,30,90")
    return tuple(sorted({int(part) for part in parts}))


def register(app: typer.Typer) -> None:
    """Add the command to `eval`."""
    app.command("recommend")(recommend)
