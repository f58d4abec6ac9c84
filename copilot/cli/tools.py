"""`incident-copilot tools`: every tool by hand, as an agent sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.cli import options as o
from copilot.cli.console import narrate, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.tools.registry import Definition

app = typer.Typer(help="See and run the tools that an agent has.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the tool.", metavar="NAME")]


@app.command("list")
def list_tools(format: o.OutputFormat = o.Format.TEXT) -> None:
    """List the tools, each with the first line of its documentation."""

    async def command() -> ExitCode:
        from copilot.tools.catalog import ALL_TOOLS

        if format is o.Format.JSON:
            print_json({"tools": [_schema(one) for one in ALL_TOOLS]})
        else:
            width = max(len(one.name) for one in ALL_TOOLS)
            for one in ALL_TOOLS:
                first = " ".join(one.description.partition("\n\n")[0].split())
                print(f"{one.name.ljust(width)}  {first.partition('. ')[0].rstrip('.')}")
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


@app.command()
def describe(name: Name, format: o.OutputFormat = o.Format.TEXT) -> None:
    """Show a tool's documentation, arguments and an example call."""

    async def command() -> ExitCode:
        from copilot.tools.docs import describe as page

        found = _find(name)
        if format is o.Format.JSON:
            print_json(_schema(found))
        else:
            print(page(found))
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


@app.command()
def call(
    name: Name,
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments of the tool.", metavar="KEY=VALUE…")
    ] = None,
    namespace: o.Namespace = None,
    since: o.Since = "15m",
    format: o.OutputFormat = o.Format.TEXT,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
    reveal: Annotated[
        bool, typer.Option(help="Show masked values, on this terminal only (text format).")
    ] = False,
) -> None:
    """Run a tool, held to the scope and redacted, and print what an agent would read."""

    async def command() -> ExitCode:
        from copilot.cli.investigate import asked_scope
        from copilot.sessions.assemble import assemble
        from copilot.tools.catalog import ALL_TOOLS
        from copilot.tools.redact import restorable
        from copilot.tools.toolbox import Toolbox

        given = parsed(arguments or [])
        back = o.age(since)
        loaded = settings(kubeconfig=kubeconfig, context=context, prometheus=prometheus)
        async with assemble(loaded) as copilot:
            known = {one.name: one for one in (*ALL_TOOLS, *copilot.toolsets)}
            _find(name, known)
            scope = asked_scope(copilot, tuple(namespace or ()), (), back)
            scope = await copilot.scoping.scope("", (), scope)
            box = Toolbox(copilot.sources, scope, definitions=tuple(known.values()))
            with restorable() as restore:
                shown = restore if reveal and format is o.Format.TEXT else str
                return await _called(box, name, given, format, shown)

    run(command(), json=format is o.Format.JSON)


async def _called(
    box: Any, name: str, given: dict[str, Any], format: o.Format, shown: Callable[[str], str]
) -> ExitCode:
    from dataclasses import asdict

    from copilot.model.errors import CorrectYourCall, ToolFailure

    try:
        result = await box.call(name, given)
    except ToolFailure as error:
        corrected = isinstance(error, CorrectYourCall)
        if format is o.Format.JSON:
            kind = "correct_your_call" if corrected else "not_available"
            print_json({"tool": name, "ok": False, "error": kind, "text": str(error)})
        narrate(f"{'correct your call' if corrected else 'not available'}: {error}", style="red")
        return ExitCode.USAGE if corrected else ExitCode.UNAVAILABLE
    if format is o.Format.JSON:
        print_json(
            {
                "tool": name,
                "ok": True,
                "text": result.text,
                "caveats": list(result.caveats),
                "evidence": [
                    {"id": piece.id, "source": piece.source, "query": piece.query}
                    for piece in result.evidence
                ],
                "proposals": [asdict(action) for action in result.proposals],
                "data": result.data,
            }
        )
    else:
        print(shown(result.text))
    return ExitCode.OK


def parsed(words: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE; a value that is a JSON list or object is read as one. Raises `UsageError`."""
    import json

    from copilot.model.errors import UsageError

    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not KEY=VALUE", hint="write it like service=checkout")
        if value[:1] in ("[", "{"):
            try:
                found[key] = json.loads(value)
            except ValueError as error:
                raise UsageError(f"{key}: {value!r} is not JSON: {error}") from error
        else:
            found[key] = value
    return found


def _find(name: str, known: dict[str, Definition] | None = None) -> Definition:
    from copilot.model.errors import NotFoundError
    from copilot.tools.catalog import ALL_TOOLS
    from copilot.tools.names import nearest

    tools = known or {one.name: one for one in ALL_TOOLS}
    if name not in tools:
        near = nearest(name, tools)
        hint = f"did you mean {' or '.join(near)}?" if near else f"tools: {', '.join(tools)}"
        raise NotFoundError(f'there is no tool "{name}"', hint=hint)
    return tools[name]


def _schema(definition: Definition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "description": definition.description,
        "parameters": definition.parameters,
    }
