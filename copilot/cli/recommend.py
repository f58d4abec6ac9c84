"""`incident-copilot recommend`: causes and mitigations from a ticket alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.cli import options as o
from copilot.cli.console import narrate, print_json, print_markdown
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from copilot.agent.recommend import Recommendation, Suggestion


def recommend(
    title: Annotated[str, typer.Argument(help="The incident's title.")],
    summary: Annotated[str, typer.Option(help="What is known so far.", metavar="TEXT")] = "",
    format: o.OutputFormat = o.Format.TEXT,
    no_model: o.NoModel = False,
) -> None:
    """Suggest five causes and five mitigations from title and summary alone, with what they rest on.

    No cluster is asked: this is what past incidents and runbooks say, not evidence.
    """

    async def command() -> ExitCode:
        from copilot.sessions.recommending import recommended

        found = await recommended(settings(no_model=no_model), title, summary)
        for notice in found.notices:
            narrate(f"  ▸ {notice}", style="magenta")
        if format is o.Format.JSON:
            print_json(_data(found))
        else:
            print_markdown(_markdown(found))
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


def _markdown(found: Recommendation) -> str:
    lines = ["## Likely causes", "", *_lines(found.causes), "", "## What to try", ""]
    lines += [*_lines(found.mitigations), "", "## Retrieved", ""]
    for hit in found.retrieved:
        builtin = " (built-in)" if hit.builtin else ""
        lines.append(f"- {hit.metadata.get('id') or hit.path}: {hit.title}{builtin}")
    lines += ["", f"Nothing was looked at: by {found.author}, from the words of the ticket alone."]
    return "\n".join(lines)


def _lines(some: tuple[Suggestion, ...]) -> list[str]:
    if not some:
        return [
            "Nothing is known: index runbooks and past incidents with `incident-copilot index add`."
        ]
    return [
        f"{n}. {s.text}" + (f" [{', '.join(s.sources)}]" if s.sources else " (no past incident)")
        for n, s in enumerate(some, 1)
    ]


def _data(found: Recommendation) -> dict[str, Any]:
    def rows(some: tuple[Suggestion, ...]) -> list[dict[str, Any]]:
        return [{"text": s.text, "score": round(s.score, 4), "sources": [*s.sources]} for s in some]

    return {
        "schema_version": "1",
        "author": found.author,
        "causes": rows(found.causes),
        "mitigations": rows(found.mitigations),
        "retrieved": [
            {"title": h.title, "path": h.path, "kind": h.kind.value, "score": round(h.score, 4)}
            for h in found.retrieved
        ],
        "notices": [*found.notices],
    }
