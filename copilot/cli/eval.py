"""eval: replay problems, grade the answers, compare them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import eval_recommend, eval_recording, eval_run
from copilot.cli.eval_show import OracleOption, print_table
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from eval.runs.store import Row

app = typer.Typer(help="Replay problems and grade the answers.", no_args_is_help=True)
eval_recording.register(app)
eval_recommend.register(app)
eval_run.register(app)

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
            print_table(f"{suite}: {len(found)} problems", (["id", "task", "app"], found))
            return ExitCode.OK
        suites = [[name, str(len(make())), text] for name, (make, text) in SUITES.items()]
        print_table("Suites", (["suite", "problems", "what it is"], suites))
        agents = [[name, entry.summary] for name, entry in AGENTS.items()]
        print_table("Agents", (["agent", "what it is"], agents))
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
        print_table(title, comparison(found.results))
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
        from eval.judge.folder import read_judged
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
            whole = page(rows, read_sessions(folder, rows), read_judged(folder))
            path.write_text(whole, encoding="utf-8")
            narrate(f"wrote {path}")
        return ExitCode.OK

    run(command())


@app.command("judge")
def judge(
    results: Results,
    votes: Annotated[int, typer.Option(help="How often a model judges each answer.", min=1)] = 3,
    model: Annotated[
        str,
        typer.Option(
            help="Judge with this model of the configured endpoint; better not the agents' own.",
            metavar="NAME",
        ),
    ] = "",
    labelled: Annotated[
        bool,
        typer.Option(
            "--labelled", help="First let the judge judge 142 answers that people labelled."
        ),
    ] = False,
    rubric: Annotated[
        bool, typer.Option("--rubric", help="Judge without a model, by matching words.")
    ] = False,
) -> None:
    """Judge stored answers, and show beside each score how far the judge agrees with the oracles and
    with people. Verdicts and their prompts go to DIR/verdicts.jsonl.
    """

    async def command() -> ExitCode:
        from copilot.cli.console import narrate
        from copilot.model.errors import UsageError
        from eval.judge import folder
        from eval.judge.model import ModelJudge
        from eval.judge.rubric import RubricJudge
        from eval.runs.store import read_rows

        own = settings().model
        section = own.model_copy(update={"name": model or own.name})
        if not rubric and not section.usable:
            raise UsageError(
                "judging needs a model",
                hint="set OPENAI_API_KEY or OPENAI_BASE_URL, or give --rubric",
            )
        rows = read_rows(results)
        if not rubric and section.name == own.name and any(row["input_tokens"] for row in rows):
            narrate(f"{own.name} may judge its own answers: --model takes another", style="yellow")
        judge = RubricJudge() if rubric else ModelJudge(section, votes)

        def tell(done: int, number: int) -> None:
            if not rubric:
                narrate(f"{done}/{number}", style="dim")

        judged = await folder.judge_folder(results, judge, labelled=labelled or rubric, tell=tell)
        print_table("The judge", folder.scores(rows, judged))
        print_table("The judge beside people, on the labelled answers", folder.with_people(judged))
        print_table("Votes", folder.troubles(judged))
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


def _side(text: str) -> list[Row]:
    from eval.runs.store import read_rows

    folder, _, agent = text.rpartition(":") if ":" in text else (text, "", "")
    rows = read_rows(Path(folder))
    return [row for row in rows if not agent or row["agent"] == agent]
