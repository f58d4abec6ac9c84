"""Commands that start another surface: the demo, the terminal app, Slack."""

from __future__ import annotations

from typing import Annotated

import typer

from copilot.cli import options as o
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings


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
