"""`incident-copilot mcp`: the read-only tools for other programs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import narrate
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings


class Transport(StrEnum):
    """How clients talk to the server."""

    STDIO = "stdio"
    HTTP = "http"


def mcp(
    transport: Annotated[
        Transport, typer.Option(help="stdio for a client that starts it, http with a token.")
    ] = Transport.STDIO,
    port: Annotated[int | None, typer.Option(help="Port for http.", min=0, max=65535)] = None,
    namespace: o.Namespace = None,
    since: o.Since = "15m",
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
) -> None:
    """Serve the read-only tools to MCP clients."""

    async def command() -> ExitCode:
        import importlib.util

        from copilot.cli.investigate import asked_scope
        from copilot.model.errors import ConfigError
        from copilot.sessions.assemble import assemble
        from copilot.tools.catalog import READ_ONLY
        from copilot.tools.context import Limits

        if importlib.util.find_spec("mcp") is None:
            raise ConfigError("MCP is not installed", hint="pip install 'incident-copilot[mcp]'")
        from copilot.server.mcp_server import Desk, serve_http, serve_stdio

        loaded = settings(kubeconfig=kubeconfig, context=context, prometheus=prometheus)
        token = loaded.mcp.token.get_secret_value()
        if transport is Transport.HTTP and not token:
            raise ConfigError(
                "mcp.token is not set: HTTP is served only with a token",
                hint="set INCIDENT_COPILOT_MCP__TOKEN",
            )
        async with assemble(loaded) as copilot:
            scope = asked_scope(copilot, tuple(namespace or ()), (), o.age(since))
            scope = await copilot.scoping.scope("", (), scope)
            desk = Desk(copilot.sources, scope, (*READ_ONLY, *copilot.toolsets), Limits())
            if transport is Transport.STDIO:
                await serve_stdio(desk)
            else:
                where = loaded.mcp.host
                chosen = loaded.mcp.port if port is None else port

                def ready(at: int) -> None:
                    narrate(f"MCP at http://{where}:{at}/mcp for {', '.join(scope.namespaces)}")

                await serve_http(desk, where, chosen, token, ready=ready)
        return ExitCode.OK

    run(command())
