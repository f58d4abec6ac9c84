"""`incident-copilot remembered`: what earlier looks at the cluster found of an object."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import error, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from copilot.model.history import Seen


def remembered(
    object: Annotated[
        str, typer.Argument(help="For instance deployment/cart.", metavar="KIND/NAME")
    ],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Its namespace.", metavar="NAME")
    ] = "",
    context: o.Context = "",
    manifest: Annotated[
        bool,
        typer.Option("--manifest", help="Print the last good version, for `kubectl apply -f -`."),
    ] = False,
    format: o.OutputFormat = o.Format.TEXT,
) -> None:
    """Show the versions of an object that earlier looks found, and what changed from one to the next.

    Also of one that is gone. Every investigation looks; values that look like secrets are masked.
    """

    async def command() -> ExitCode:
        from copilot.model.errors import UsageError
        from copilot.sessions.database import open_database
        from copilot.sessions.history import versions

        kind, slash, name = object.partition("/")
        if not slash or not kind or not name:
            raise UsageError(f"{object!r} is no KIND/NAME", hint="write it like deployment/cart")
        engine = open_database(settings().state.database_url)
        found = [one for one in versions(engine, kind, name, namespace) if context in ("", one[0])]
        places = sorted({f"{seen.object} on {cluster}" for cluster, seen in found})
        if not found:
            error(
                f"{object} was never seen" + (f" in {namespace}" if namespace else ""),
                "an investigation of its namespace remembers it",
            )
            return ExitCode.NOT_FOUND
        if len(places) > 1:
            raise UsageError(
                f"there are several: {'; '.join(places)}", hint="say which: --namespace, --context"
            )
        seen = [one for _, one in found]
        if manifest:
            return _print_manifest(seen)
        if format is o.Format.JSON:
            print_json({"schema_version": "1", "versions": [_data(one) for one in seen]})
        else:
            print("\n".join([places[0], *_lines(seen)]))
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


def _print_manifest(seen: list[Seen]) -> ExitCode:
    import yaml

    best = max(seen, key=lambda one: (one.well is not None, one.well or one.last))
    if not best.whole:
        error(
            f"{best.object} holds what looks like secrets: it was kept with those masked",
            "fill the [redacted:…] values in before you apply it",
        )
    print(yaml.safe_dump(dict(best.manifest), sort_keys=False), end="")
    return ExitCode.OK


def _data(one: Seen) -> dict[str, object]:
    return {
        "object": str(one.object),
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "well": one.well.isoformat() if one.well else None,
        "whole": one.whole,
        "manifest": dict(one.manifest),
    }


def _lines(seen: list[Seen]) -> list[str]:
    from copilot.tools.manifests import diff

    lines = []
    for newer, older in pairwise([*seen, None]):
        if newer is None:
            continue
        good = f", well at {newer.well:%Y-%m-%d %H:%M:%S} UTC" if newer.well else ""
        lines.append(
            f"  {newer.first:%Y-%m-%d %H:%M:%S} to {newer.last:%Y-%m-%d %H:%M:%S} UTC{good}"
        )
        changed = diff(dict(older.manifest), dict(newer.manifest)) if older else ()
        lines += [f"      {path}: {a or '(none)'} -> {b or '(none)'}" for path, a, b in changed]
    return lines
