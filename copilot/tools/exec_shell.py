"""exec_shell: kubectl's read verbs and text filters, for what no other tool shows. Not a shell."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from copilot.model.action import Action
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft
from copilot.tools.registry import tool
from copilot.tools.shell.get import Printed
from copilot.tools.shell.run import plan, run


@tool
async def exec_shell(
    context: Context,
    command: Annotated[
        str, "One line, such as: kubectl get pods -o wide | grep -v Running | head -20"
    ],
) -> Draft:
    """Run a kubectl command that only reads, with filters behind it. This is not a shell.

    Verbs: get, describe, logs, top, events, explain, api-resources, rollout history|status,
    auth can-i, version, cluster-info. Filters: grep, head, tail, sort, uniq, wc, cut, awk's print,
    jq. No substitution, redirection, files or other programs. A command that would change
    something is not run: it becomes a proposal. Prefer the other tools: they compare and explain.
    """
    planned = plan(command)
    result = await run(context, planned)
    if isinstance(result, Printed):
        notes = tuple(note for note in result.notes if note)
        text = "\n".join([result.text.rstrip("\n"), *notes]).strip("\n")
        return Draft(
            Source.SHELL,
            command,
            text or "(no output)",
            start=context.now,
            end=context.now,
        )
    return proposal(command, tuple(result))


def proposal(query: str, actions: tuple[Action, ...]) -> Draft:
    """Return the answer that tells of a proposal. Nothing was changed."""
    lines = [
        "Nothing was changed. This was noted as a proposal, which a person must approve first:"
    ]
    for action in actions:
        fields = asdict(action)
        about, kind = fields.pop("object"), fields.pop("type")
        where = "/".join(part for part in about.values() if part)
        rest = ", ".join(f"{key}={value}" for key, value in fields.items())
        lines.append(f"- {kind} {where}" + (f": {rest}" if rest else ""))
    return Draft(
        Source.SHELL,
        query,
        "\n".join(lines),
        objects=tuple(dict.fromkeys(action.object for action in actions)),
        proposals=actions,
    )
