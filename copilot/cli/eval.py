"""eval: replay problems, grade the answers, compare them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from copilot.cli import eval_recommend, eval_recording
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from eval.report.tables import Table
    from eval.run import Progress
    from eval.runs.store import Row

app = typer.Typer(help="Replay problems and grade the answers.", no_args_is_help=True)
eval_recording.register(app)
eval_recommend.register(app)

Oracle = Literal["compat", "strict"]
OracleOption = Annotated[
    Oracle,
    typer.Option(
        "--oracle", help="The published checks (compat), or the cause and the users (strict)."
    ),
]
Results = Annotated[Path, typer.Argument(help="Folder of results.", metavar="DIR")]


@app.command("list")
def list_(
    suite: Annotated[
        str, typer.Argument(help="Show this suite's problems; all suites without.", metavar="SUITE")
    ] = "",
) -> None:
    """Show the suites and agents, or the problems of a suite."""

    async def command() -> ExitCode:
        from eval.agents.catalog import AGENTS
        from eval.suites.catalog import SUITES
        from eval.suites.catalog import suite as problems_of

        if suite:
            found = [[p.id, p.task.value, Path(p.app).stem] for p in problems_of(suite)]
            _print(f"{suite}: {len(found)} problems", (["id", "task", "app"], found))
            return ExitCode.OK
        suites = [[name, str(len(make())), text] for name, (make, text) in SUITES.items()]
        _print("Suites", (["suite", "problems", "what it is"], suites))
        agents = [[name, entry.summary] for name, entry in AGENTS.items()]
        _print("Agents", (["agent", "what it is"], agents))
        return ExitCode.OK

    run(command())


@app.command("run")
def run_(
    suite: Annotated[
        str, typer.Option(help="Suite, or folder of problem files.", metavar="NAME")
    ] = "smoke",
    agent: Annotated[
        list[str] | None, typer.Option(help="Agent to grade; repeatable.", metavar="NAME")
    ] = None,
    problem: Annotated[
        list[str] | None, typer.Option(help="Only ids that match; * is any text.", metavar="ID")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results; runs resume there.", metavar="DIR")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the emulator.")] = 0,
    repeat: Annotated[int, typer.Option(help="Runs of each, each with the next seed.", min=1)] = 1,
    jobs: Annotated[int, typer.Option(help="Processes; 0: one a core.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="Steps an agent may take.", min=1)] = 20,
    seconds: Annotated[
        float, typer.Option(help="Seconds an agent may take for a problem; 0: no limit.", min=0)
    ] = 600.0,
    money: Annotated[
        float, typer.Option(help="Dollars an agent may cost on a problem; 0: no limit.", min=0)
    ] = 0.0,
    oracle: OracleOption = "strict",
    minimum: Annotated[
        float, typer.Option(help="Fail below this share of successes.", min=0, max=1)
    ] = 0.0,
    baseline: Annotated[
        Path | None, typer.Option(help="Fail when worse than these results.", metavar="DIR")
    ] = None,
) -> None:
    """Inject faults, let agents work, grade with both oracles, print tables.

    Exit code 12: below --minimum, or worse than --baseline beyond chance.
    """

    async def command() -> ExitCode:
        from eval.run import Wanted, run_suite
        from eval.session.play import Limits
        from eval.suites.catalog import chosen
        from eval.suites.catalog import suite as problems_of

        wanted = Wanted(
            chosen(problems_of(suite), tuple(problem or ())),
            tuple(agent or ("engine",)),
            seed,
            repeat,
            jobs,
            Limits(steps, seconds, money),
            out,
        )
        lost: list[str] = []
        rows = await run_suite(wanted, settings(), _teller(lost))
        _show(rows)
        for key in lost:
            from copilot.cli import console

            console.error(f"its process died twice: {key}", "run again with the same --out")
        if lost:
            return ExitCode.INTERNAL
        right = sum(bool(row["success"][oracle]) for row in rows) / max(1, len(rows))
        if right < minimum or (baseline is not None and _worse(baseline, rows, oracle)):
            return ExitCode.WORSE
        return ExitCode.OK

    run(command())


@app.command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="A: DIR or DIR:AGENT.", metavar="A")],
    second: Annotated[str, typer.Argument(help="B: DIR or DIR:AGENT.", metavar="B")],
    oracle: OracleOption = "strict",
) -> None:
    """Compare two agents, or two runs, on the same problems. Exit code 12: B is worse."""

    async def command() -> ExitCode:
        from eval.report.compare import compare_rows
        from eval.report.tables import comparison

        found = compare_rows(_side(first), _side(second), oracle)
        title = f"A = {found.first}, B = {found.second}; {oracle}"
        if found.unpaired:
            title += f"; {found.unpaired} results have no partner"
        _print(title, comparison(found.results))
        return ExitCode.WORSE if found.whole.worse else ExitCode.OK

    run(command())


@app.command("report")
def report(
    results: Results,
    html: Annotated[
        Path | None, typer.Option(help="Write the report here; DIR/report.html unless given.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit's XML here.")] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Print a page beside the published tables instead.")
    ] = False,
    oracle: OracleOption = "strict",
) -> None:
    """Make one self-contained HTML page of results, JUnit's XML, or a page of tables."""

    async def command() -> ExitCode:
        from copilot.cli.console import narrate
        from eval.report.html import page
        from eval.report.junit import junit as xml
        from eval.report.paper import beside_the_paper
        from eval.runs.store import read_rows, read_sessions

        rows = read_rows(results)
        if paper:
            print(beside_the_paper(rows), end="")
            return ExitCode.OK
        if junit is not None:
            junit.write_text(xml(rows, oracle), encoding="utf-8")
            narrate(f"wrote {junit}")
        if html is not None or junit is None:
            folder = results if results.is_dir() else results.parent
            path = html or folder / "report.html"
            path.write_text(page(rows, read_sessions(folder, rows)), encoding="utf-8")
            narrate(f"wrote {path}")
        return ExitCode.OK

    run(command())


@app.command("judge")
def judge(
    results: Results,
    votes: Annotated[int, typer.Option(help="How often a model judges each answer.", min=1)] = 3,
    rubric: Annotated[
        bool, typer.Option("--rubric", help="Judge without a model, by the oracles' words.")
    ] = False,
) -> None:
    """Let a model judge stored answers; verdicts go to DIR/verdicts.jsonl, agreement is printed."""

    async def command() -> ExitCode:
        from eval.judging import agreement, judge_folder

        verdicts = await judge_folder(results, settings().model, votes=votes, rubric=rubric)
        _print("The judge beside the oracles", agreement(results, verdicts))
        return ExitCode.OK

    run(command())


@app.command("serve")
def serve_(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 1818,
) -> None:
    """Serve /health, /problems, /agents and /simulate over HTTP."""

    async def command() -> ExitCode:
        from copilot.cli.console import narrate
        from eval.compat.service import serve

        narrate(f"http://{host}:{port}/problems (Ctrl-C ends)")
        await serve(settings(), host, port)
        return ExitCode.OK

    run(command())


def _teller(lost: list[str]) -> Callable[[Progress], None]:
    from copilot.cli.console import narrate

    def tell(progress: Progress) -> None:
        left = "" if progress.left is None else f" · {progress.left:.0f} s left"
        count = f"{progress.done}/{progress.number}{left}"
        if progress.row is None:
            lost.append(progress.lost)
            narrate(f"✗ {count} · {progress.lost}: its process died", style="yellow")
            return
        row = progress.row
        marks = " ".join(f"{'✓' if ok else '✗'} {name}" for name, ok in row["success"].items())
        narrate(f"{count} · {row['agent']} · {row['id']} · {marks}", style="dim")

    return tell


def _show(rows: list[Row]) -> None:
    from eval.measures.summary import summarize
    from eval.report.tables import failures, measures, successes

    found = summarize(rows)
    _print("Success, compat (the published checks)", successes(found, "compat"))
    _print("Success, strict (cause, users, nothing else broken)", successes(found, "strict"))
    _print("Measures (means; seconds are virtual)", measures(found))
    _print("Failed strictly", failures(rows))


def _print(title: str, table: Table) -> None:
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


def _side(text: str) -> list[Row]:
    from eval.runs.store import read_rows

    folder, _, agent = text.rpartition(":") if ":" in text else (text, "", "")
    rows = read_rows(Path(folder))
    return [row for row in rows if not agent or row["agent"] == agent]


def _worse(baseline: Path, rows: list[Row], oracle: Oracle) -> bool:
    from copilot.cli.console import narrate
    from eval.report.compare import compare_rows
    from eval.runs.store import read_rows

    old = read_rows(baseline)
    worse = False
    for agent in dict.fromkeys(row["agent"] for row in rows):
        before = [row for row in old if row["agent"] == agent]
        if not before:
            narrate(f"the baseline has no results of {agent}", style="yellow")
            continue
        mine = [row for row in rows if row["agent"] == agent]
        found = compare_rows(before, mine, oracle).whole
        word = "worse" if found.worse else "no worse"
        narrate(f"{agent}: {word} than the baseline ({found.difference:+.1%}, p = {found.p:.3f})")
        worse = worse or found.worse
    return worse
