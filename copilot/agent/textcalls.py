"""Tool calls that a model writes as text, for endpoints and models that know no other way.

The protocol is one JSON object in a fenced block; the forms that small models fall into by
themselves (`<tool_call>`, a bare object, `parameters` for `arguments`) are understood, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from copilot.agent.calls import Reply, ToolCall

FENCE = "tool_call"
"""The word behind the opening fence of a call."""

_BLOCK = re.compile(
    r"```(?:tool_call|tool|json)?[ \t]*\n(?P<fenced>\s*[\[{].*?)\n?```"
    r"|<tool_call>\s*(?P<tagged>.*?)\s*</tool_call>",
    re.DOTALL,
)


def with_calls(reply: Reply, names: Collection[str], number: int) -> Reply:
    """Return `reply` with the calls that its text holds, unless it has calls already.

    `number` makes the ids of calls unique within a conversation.
    """
    if reply.calls:
        return reply
    blocks = [
        (m.group("fenced") or m.group("tagged") or "", m.group(0)) for m in _found(reply.text)
    ]
    bare = reply.text.strip()
    if not blocks and bare.startswith(("{", "[")):
        blocks = [(bare, bare)]
    calls, rest = [], reply.text
    for body, whole in blocks:
        wanted = _calls(body, names)
        if wanted:
            calls += wanted
            rest = rest.replace(whole, "", 1)
    if not calls:
        return reply
    made = tuple(
        ToolCall(f"text_{number}_{n}", name, arguments) for n, (name, arguments) in enumerate(calls)
    )
    return Reply(rest.strip(), made, reply.finish, reply.spent)


def _found(text: str) -> list[re.Match[str]]:
    return list(_BLOCK.finditer(text))


def _calls(body: str, names: Collection[str]) -> list[tuple[str, str]]:
    try:
        data = json.loads(body)
    except json.JSONDecodeError:
        return _broken(body, names)
    return [
        call
        for item in (data if isinstance(data, list) else [data])
        if (call := _call(item, names))
    ]


def _call(item: object, names: Collection[str]) -> tuple[str, str] | None:
    if not isinstance(item, dict):
        return None
    inner = item.get("function")
    item = inner if isinstance(inner, dict) else item
    name = item.get("name", item.get("tool", ""))
    arguments = item.get("arguments", item.get("parameters", {}))
    if name not in names:
        return None
    return str(name), arguments if isinstance(arguments, str) else json.dumps(arguments)


def _broken(body: str, names: Collection[str]) -> list[tuple[str, str]]:
    """Take a call whose arguments are not valid JSON for one, so that the model is told so."""
    said = re.match(r'\s*\{\s*"(?:name|tool)"\s*:\s*"(\w+)"', body)
    if not said or said.group(1) not in names:
        return []
    begin = re.search(r'"(?:arguments|parameters)"\s*:\s*', body)
    return [(said.group(1), body[begin.end() :] if begin else body)]


def described(tools: Sequence[Mapping[str, Any]]) -> str:
    """Return tools as a text that a model can read: signature, purpose, arguments."""
    return "\n".join(_described(tool["function"]) for tool in tools)


def _described(function: Mapping[str, Any]) -> str:
    schema = function["parameters"]
    needed = schema.get("required", ())
    lines = [f"- {function['name']}: {' '.join(function['description'].split())}"]
    for name, item in schema.get("properties", {}).items():
        kind = json.dumps(item) if "enum" in item or item.get("type") == "array" else ""
        text = kind or f"{item.get('type', 'any')}. {item.get('description', '')}"
        lines.append(f"    {name}{'' if name in needed else ' (optional)'}: {text}")
    return "\n".join(lines)
