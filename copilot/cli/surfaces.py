"""Commands that start another surface: the demo, the terminal app, Slack, the evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from copilot.cli import options as o
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

eval_app = typer.Typer(help="Replay problems and grade the answers.", no_args_is_help=True)


def demo(
    yes: Annotated[bool, typer.Option("--yes", help="Approve the fix without asking.")] = False,
    app: Annotated[str, typer.Option(help="App to break.", metavar="NAME")] = "social_network",
    fault: Annotated[
        str, typer.Option(help="Fault to inject.", metavar="KIND")
    ] = "service_target_port",
    target: Annotated[str, typer.Option(help="Service to break.", metavar="NAME")] = "",
) -> None:
    """Watch an incident being found, explained, fixed and written up, on an emulated cluster."""

    async def command() -> ExitCode:
        from copilot.cli.demo import run_demo

        return await run_demo(app, fault, target, yes=yes)

    run(command())


def tui(
    session: Annotated[str, typer.Option(help="Go on with this session.", metavar="ID")] = "",
    namespace: o.Namespace = None,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
    no_model: o.NoModel = False,
) -> None:
    """Open the terminal app."""

    async def command() -> ExitCode:
        from copilot.sessions.assemble import assemble
        from tui.app import CopilotApp

        loaded = settings(
            kubeconfig=kubeconfig, context=context, prometheus=prometheus, no_model=no_model
        )
        if namespace:
            cluster = loaded.cluster.model_copy(update={"namespaces": tuple(namespace)})
            loaded = loaded.model_copy(update={"cluster": cluster})
        async with assemble(loaded) as copilot:
            conversation = copilot.resume(session) if session else copilot.start(title="terminal")
            await CopilotApp(conversation).run_async()
        return ExitCode.OK

    run(command())


def slack(
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
) -> None:
    """Answer mentions in Slack, through Socket Mode or HTTP."""

    async def command() -> ExitCode:
        from bots.slack.serve import serve
        from copilot.sessions.assemble import assemble

        loaded = settings(kubeconfig=kubeconfig, context=context, prometheus=prometheus)
        async with assemble(loaded) as copilot:
            await serve(copilot, loaded.slack)
        return ExitCode.OK

    run(command())


@eval_app.command("run")
def eval_run(
    suite: Annotated[str, typer.Option(help="Suite of problems.", metavar="NAME")] = "smoke",
    agent: Annotated[
        list[str] | None, typer.Option(help="Agent to grade: engine, llm; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.jsonl.", metavar="DIR")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the emulator.")] = 0,
    judge: Annotated[bool, typer.Option(help="Let a model judge each answer as well.")] = False,
    minimum: Annotated[
        float, typer.Option(help="Fail below this share of successes.", min=0, max=1)
    ] = 0.0,
) -> None:
    """Inject faults, let agents find them, grade the answers, print a table."""

    async def command() -> ExitCode:
        from eval.run import run_suite

        result = await run_suite(
            settings(), suite, tuple(agent or ("engine",)), out=out, seed=seed, judge=judge
        )
        return ExitCode.OK if result >= minimum else ExitCode.WORSE

    run(command())
