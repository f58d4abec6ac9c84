"""Reads one call out of an agent's reply: AIOpsLab's format, one fenced block with one call."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

_BLOCK = re.compile(r"```[ \t]*\n(.*?)\n```", re.S)
_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*\(", re.S)


class BadFormat(ValueError):
    """The reply holds no call that can be read; the text tells the agent what is expected."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an action. `context` is what was said around it."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    context: tuple[str, ...] = ()


def parse(text: str) -> Call:
    """Read the call. Raises `BadFormat` for none, several, or one that is no call."""
    blocks = _BLOCK.findall(text)
    if text.count("```") != 2 or len(blocks) != 1:
        raise BadFormat(
            "Error parsing response: expected exactly one block of the form\n"
            "```\n<action>(<arguments>)\n```\nwithout a language tag and without another block."
        )
    before, _, rest = text.partition("```")
    context = tuple(part for part in (before.strip(), rest.rpartition("```")[2].strip()) if part)
    return read_call(blocks[0].strip(), context)


def read_call(code: str, context: tuple[str, ...] = ()) -> Call:
    """Read `name(arguments)`. Raises `BadFormat`."""
    match = _NAME.match(code)
    if not match or not code.rstrip().endswith(")"):
        raise BadFormat("Error parsing response: no API call found. Expected: action(arguments)")
    name = match[1]
    if name == "exec_shell":
        return Call(name, (_command(code),), {}, context)
    try:
        node = ast.parse(code, mode="eval").body
        if not isinstance(node, ast.Call):
            raise ValueError("not a call")
        args = tuple(ast.literal_eval(argument) for argument in node.args)
        kwargs = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise BadFormat(
            f"Error parsing response: the arguments of {name} must be literals"
        ) from error
    return Call(name, args, kwargs, context)


def _command(code: str) -> str:
    """The one quoted string of exec_shell, which may hold quotes of the other kind."""
    inside = code[code.index("(") + 1 : code.rindex(")")].strip()
    inside = re.sub(r"^command\s*=\s*", "", inside)
    try:
        value = ast.literal_eval(inside)
        if isinstance(value, str):
            return value
    except (ValueError, SyntaxError):
        pass
    if len(inside) >= 2 and inside[0] in "\"'" and inside[-1] == inside[0]:
        return inside[1:-1]
    raise BadFormat('Error parsing response: exec_shell takes one string: exec_shell("kubectl …")')


def solution_of(call: Call) -> Any:
    """What a submission holds, as the reference takes it: keyword arguments are dropped."""
    return call.args[0] if len(call.args) == 1 else list(call.args)
