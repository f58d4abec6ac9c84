"""propose_mitigation and submit: what an agent concludes. Neither changes anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from copilot.model.action import Action, ReplaceObject, Several
from copilot.model.causes import CAUSES
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.protocols import ToolResult
from copilot.model.scope import ObjectRef
from copilot.tools.context import Context, Draft
from copilot.tools.exec_shell import proposal
from copilot.tools.names import CLUSTER_WIDE, canonical_kind, nearest
from copilot.tools.redact import redact
from copilot.tools.registry import tool
from copilot.tools.wrap import told

_OBJECT = re.compile(r"([A-Za-z]+)/(?:([a-z0-9-]+)/)?([A-Za-z0-9][\w.:-]*)")


def _type(kind: type[Action]) -> str:
    return str(kind.__dataclass_fields__["type"].default)


def _fields(kind: type[Action]) -> list[str]:
    return [name for name in kind.__dataclass_fields__ if name not in ("object", "type")]


_ENGINE_ONLY = (ReplaceObject, Several)
_ACTIONS: Mapping[str, type[Action]] = {
    _type(kind): kind for kind in get_args(Action) if kind not in _ENGINE_ONLY
}
_TAKES = "; ".join(f"{name}({', '.join(_fields(kind))})" for name, kind in _ACTIONS.items())


@tool
async def propose_mitigation(
    context: Context,
    action: Annotated[str, f"Kind of action, with its parameters: {_TAKES}"],
    object: Annotated[str, "What to change: KIND/NAME or KIND/NAMESPACE/NAME"],
    parameters: Annotated[
        dict[str, Any],
        'The action\'s own values, such as {"replicas": 3}',
    ] = {},  # noqa: B006 - pydantic copies it
) -> Draft:
    """Propose one change that would repair it. Nothing is changed: it is stored as a proposal that
    a person sees with a dry run, and may approve.

    The object is looked up first; a wrong name or value is told with what is right.
    """
    name = action.strip().lower().replace("-", "_")
    kind = _ACTIONS.get(name)
    if kind is None:
        raise CorrectYourCall(
            f'There is no action "{action}". Actions: {_TAKES}.', nearest(name, _ACTIONS)
        )
    reference = await checked_object(context, object)
    made = _made(kind, reference, parameters)
    return proposal(f"propose {made.type} {reference}", (made,))


def _made(kind: type[Action], reference: ObjectRef, parameters: Mapping[str, Any]) -> Action:
    from pydantic import TypeAdapter, ValidationError

    own = {name: value for name, value in parameters.items() if name not in ("object", "type")}
    fields = _fields(kind)
    for name in own:
        if name not in fields:
            takes = ", ".join(fields) or "no parameters"
            raise CorrectYourCall(
                f'{_type(kind)} has no parameter "{name}"; it takes: {takes}.',
                nearest(name, fields),
            )
    try:
        made: Action = TypeAdapter(kind).validate_python({"object": reference, **own})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise CorrectYourCall(f"{_type(kind)} takes {', '.join(fields)}: {problems}.") from None
    return made


async def checked_object(context: Context, text: str) -> ObjectRef:
    """Return the object that "KIND/NAME" means, once it is known to exist in the scope.

    Without a cluster to ask, the name is taken as it is.
    """
    match = _OBJECT.fullmatch(text.strip())
    if not match:
        raise CorrectYourCall(f'"{text}" is not an object: write KIND/NAME or KIND/NAMESPACE/NAME.')
    kind = canonical_kind(match[1])
    name = match[3]
    space = "" if kind in CLUSTER_WIDE else context.namespace(match[2] or "")
    try:
        with told(f"look for the {kind}"):
            objects = await context.within(context.list(kind, space), "kubernetes", 0.5)
    except NotAvailable:
        return ObjectRef(kind, space, name)
    names = [item["metadata"]["name"] for item in objects]
    if name not in names:
        where = f"in namespace {space}" if space else "in the cluster"
        known = ", ".join(sorted(names)[:20]) or "none"
        raise CorrectYourCall(
            f"There is no {kind} {name} {where}. There are: {known}.", nearest(name, names)
        )
    return ObjectRef(kind, space, name)


@tool
async def submit(
    context: Context,
    verdict: Annotated[
        Literal["incident", "healthy", "inconclusive"],
        "incident: something is wrong and the evidence names it; healthy: nothing is wrong;"
        " inconclusive: the evidence does not decide",
    ],
    summary: Annotated[str, "The answer in two to four sentences, with [ev-…] behind each"],
    root_causes: Annotated[
        list[dict[str, Any]],
        "Most likely first, each {cause: id, object: KIND/NAMESPACE/NAME, summary, confidence 0–1,"
        " evidence: [ev-…]}; empty when healthy",
    ] = [],  # noqa: B006 - pydantic copies it
) -> ToolResult:
    """Give the final answer of an investigation, once. It is checked: every cause must be of the
    taxonomy, every object must exist in the scope, every piece of evidence must have been seen.
    """
    if not summary.strip():
        raise CorrectYourCall("submit: the summary is empty.")
    if verdict == "incident" and not root_causes:
        raise CorrectYourCall(
            "submit: an incident needs a root cause; without one the verdict is inconclusive."
        )
    if verdict == "healthy" and root_causes:
        raise CorrectYourCall("submit: root_causes must be empty when the verdict is healthy.")
    causes = [await _cause(context, number, item) for number, item in enumerate(root_causes, 1)]
    data = {"verdict": verdict, "summary": redact(summary), "root_causes": causes}
    named = ", ".join(f"{item['cause']} at {item['object']}" for item in causes)
    text = f"The answer is taken: {verdict}{f' ({named})' if named else ''}."
    return ToolResult(text, data=data)


async def _cause(context: Context, number: int, item: Mapping[str, Any]) -> dict[str, Any]:
    where = f"submit: root_causes[{number}]"
    cause = str(item.get("cause", ""))
    if cause not in CAUSES:
        raise CorrectYourCall(
            f'{where}: "{cause}" is not a cause of the taxonomy.', nearest(cause, CAUSES)
        )
    reference = await checked_object(context, str(item.get("object", "")))
    evidence = [str(one) for one in item.get("evidence") or []]
    unknown = [one for one in evidence if one not in context.evidence]
    if unknown or not evidence:
        seen = tuple(context.evidence)[-5:]
        raise CorrectYourCall(
            f"{where}: {'was never seen: ' + ', '.join(unknown) if unknown else 'names no evidence'}.",
            seen,
        )
    confidence = item.get("confidence", 0.5)
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise CorrectYourCall(f"{where}: confidence must be a number from 0 to 1.")
    return {
        "cause": cause,
        "object": str(reference),
        "summary": redact(str(item.get("summary", ""))),
        "confidence": float(confidence),
        "evidence": evidence,
    }
