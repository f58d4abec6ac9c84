"""kubectl's JSONPath: fields, indexes, slices, filters, `..`, unions, range … end, texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from copilot.tools.shell.words import Refused
from copilot.tools.shell.yaml_text import compact

_LIMIT = 200_000


class Missing(Exception):
    """A field or an index is not there; the text is kubectl's own."""


@dataclass(frozen=True, slots=True)
class _Step:
    kind: str  # field, wildcard, slice, filter, deep, union, root
    value: Any = None


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str  # text, path, range
    value: Any
    inner: tuple[_Part, ...] = ()


_TOKEN = re.compile(
    r"""(?P<deep>\.\.)|\.(?P<field>(?:[^\s.\[\]{}()'"\\,$@]|\\.)+)|\[(?P<bracket>)|(?P<dot>\.)"""
    r"""|(?P<bare>(?:[^\s.\[\]{}()'"\\,$@]|\\.)+)"""
)
_FILTER = re.compile(
    r"""^\?\(\s*@(?P<path>[^\s=!<>]*)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>.+?))?\s*\)$"""
)


def render(template: str, data: Any) -> str:
    """Return what `kubectl -o jsonpath=TEMPLATE` prints. Raises `Missing` and `Refused`."""
    out: list[str] = []
    _render(_compiled(template), data, data, out)
    return "".join(out)


def check(template: str) -> None:
    """Raise `Refused` for a template that cannot be read."""
    _compiled(template)


def check_path(path: str) -> None:
    """Raise `Refused` for a path that cannot be read."""
    _steps(relaxed(path))


def _compiled(template: str) -> tuple[_Part, ...]:
    if "{" not in template:
        template = "{" + relaxed(template) + "}"
    return _parse(_lex(template), 0, inside=False)[0]


def find(path: str, data: Any) -> list[Any]:
    """Return what a path such as ".metadata.name" finds; nothing where a field is missing."""
    return _walk(_steps(relaxed(path)), [data], data)


def relaxed(path: str) -> str:
    """Return "{.a.b}", "a.b" or ".a.b" as ".a.b"."""
    path = path.strip()
    if path.startswith("{") and path.endswith("}"):
        path = path[1:-1]
    path = path.removeprefix("$")
    return path if path.startswith((".", "[")) else f".{path}"


def _lex(template: str) -> list[tuple[str, str]]:
    """Split into texts and the insides of braces."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(template):
        if template[at] != "{":
            end = template.find("{", at)
            end = len(template) if end < 0 else end
            found.append(("text", template[at:end]))
            at = end
            continue
        end, quote = at + 1, ""
        while end < len(template) and (quote or template[end] != "}"):
            character = template[end]
            if quote:
                if character == "\\":
                    end += 1
                elif character == quote:
                    quote = ""
            elif character in "'\"":
                quote = character
            end += 1
        if end >= len(template):
            raise Refused("a JSONPath with a brace that is not closed")
        found.append(("action", template[at + 1 : end].strip()))
        at = end + 1
    return found


def _parse(
    tokens: Sequence[tuple[str, str]], at: int, *, inside: bool
) -> tuple[tuple[_Part, ...], int]:
    parts: list[_Part] = []
    while at < len(tokens):
        kind, text = tokens[at]
        at += 1
        if kind == "text":
            parts.append(_Part("text", text))
        elif text == "end":
            if not inside:
                raise Refused("a JSONPath with {end} and no {range}")
            return tuple(parts), at
        elif text.startswith("range ") or text == "range":
            inner, at = _parse(tokens, at, inside=True)
            parts.append(_Part("range", _steps(text.removeprefix("range").strip()), inner))
        else:
            parts += _action(text)
    if inside:
        raise Refused("a JSONPath with {range} and no {end}")
    return tuple(parts), at


def _action(text: str) -> list[_Part]:
    """Return the paths and quoted texts of one pair of braces."""
    parts: list[_Part] = []
    while text:
        if text[0] in "'\"":
            end = 1
            while end < len(text) and text[end] != text[0]:
                end += 2 if text[end] == "\\" else 1
            parts.append(_Part("text", _unquoted(text[: end + 1])))
            text = text[end + 1 :].lstrip()
            continue
        end, depth = 0, 0
        while end < len(text) and (depth or not text[end].isspace()):
            depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(text[end], 0)
            end += 1
        parts.append(_Part("path", _steps(text[:end])))
        text = text[end:].lstrip()
    return parts


def _unquoted(text: str) -> str:
    if len(text) < 2 or text[-1] != text[0]:
        raise Refused("a JSONPath with a quote that is not closed")
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), text[1:-1])


def _steps(text: str) -> tuple[_Step, ...]:
    if text.startswith(("$", "@")):
        text = text[1:]
    steps: list[_Step] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Refused(f'"{text}" as a JSONPath')
        at = match.end()
        if match["deep"]:
            steps.append(_Step("deep"))
        elif match["field"] or match["bare"]:
            name = match["field"] or match["bare"]
            if match["bare"] and not (steps and steps[-1].kind == "deep"):
                raise Refused(f'"{text}" as a JSONPath')
            plain = re.sub(r"\\(.)", r"\1", name)
            steps.append(_Step("wildcard") if name == "*" else _Step("field", plain))
        elif match["bracket"] is not None:
            end = _closing(text, at)
            steps.append(_bracket(text[at:end].strip()))
            at = end + 1
    return tuple(steps)


def _closing(text: str, at: int) -> int:
    depth, quote = 1, ""
    while at < len(text):
        character = text[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += {"[": 1, "]": -1}.get(character, 0)
            if depth == 0:
                return at
        at += 1
    raise Refused("a JSONPath with a bracket that is not closed")


def _bracket(text: str) -> _Step:
    if text == "*":
        return _Step("wildcard")
    match = _FILTER.match(text)
    if match:
        value = match["value"]
        steps = _steps(match["path"]) if match["path"] else ()
        return _Step("filter", (steps, match["op"], None if value is None else _literal(value)))
    if re.fullmatch(r"(?:'[^']*'|\"[^\"]*\")", text):
        return _Step("field", text[1:-1])
    if re.fullmatch(r"-?\d*(?::-?\d*){0,2}", text) and text:
        return _Step("slice", [int(part) if part else None for part in text.split(":")])
    if "," in text:
        return _Step("union", [_bracket(part.strip()) for part in text.split(",")])
    raise Refused(f'"[{text}]" in a JSONPath')


def _literal(text: str) -> Any:
    if text[:1] in "'\"":
        return _unquoted(text)
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("@"):
        return _steps(text)
    try:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        raise Refused(f'"{text}" in a JSONPath filter', "quote texts") from None


def _walk(steps: Sequence[_Step], nodes: list[Any], root: Any) -> list[Any]:
    for step in steps:
        found: list[Any] = []
        for node in nodes:
            found += _one(step, node, root)
            if len(found) > _LIMIT:
                raise Refused("a JSONPath that finds too much")
        nodes = found
    return nodes


def _one(step: _Step, node: Any, root: Any) -> list[Any]:
    if step.kind == "field":
        if isinstance(node, dict) and step.value in node:
            return [node[step.value]]
        return []
    if step.kind == "wildcard":
        return list(_children(node))
    if step.kind == "deep":
        found: list[Any] = [node]
        for child in _children(node):
            if isinstance(child, dict | list):
                found += _one(step, child, root)
        return found
    if step.kind == "union":
        return [item for part in step.value for item in _one(part, node, root)]
    if not isinstance(node, list):
        if node is None or step.kind == "filter":
            return []
        raise Missing(f"{type(node).__name__} is not array or slice")
    if step.kind == "slice":
        if len(step.value) == 1:
            index = step.value[0]
            if not -len(node) <= index < len(node):
                raise Missing(f"array index out of bounds: index {index}, length {len(node)}")
            return [node[index]]
        return node[slice(*step.value)]
    steps, operator, value = step.value
    return [item for item in node if _holds(steps, operator, value, item, root)]


def _children(node: Any) -> Sequence[Any]:
    if isinstance(node, dict):
        return [node[key] for key in sorted(node)]
    return node if isinstance(node, list) else []


def _holds(steps: Sequence[_Step], operator: str | None, value: Any, item: Any, root: Any) -> bool:
    left = _walk(steps, [item], root)
    if operator is None:
        return bool(left)
    if not left:
        return False
    right = _walk(value, [item], root)[0] if isinstance(value, tuple) else value
    first = left[0]
    if operator in ("==", "!="):
        same = type(first) is type(right) and first == right
        return same == (operator == "==")
    try:
        return bool(
            {
                "<": first < right,
                ">": first > right,
                "<=": first <= right,
                ">=": first >= right,
            }[operator]
        )
    except TypeError:
        return False


def _render(parts: Sequence[_Part], data: Any, root: Any, out: list[str]) -> None:
    for part in parts:
        if part.kind == "text":
            out.append(part.value)
        elif part.kind == "path":
            found = _walk(part.value, [data], root)
            out.append(" ".join(map(words, found)))
        else:
            for item in _walk(part.value, [data], root):
                _render(part.inner, item, root, out)


def words(value: Any) -> str:
    """Return a value as kubectl prints it in a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return compact(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
