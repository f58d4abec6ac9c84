"""Label selectors (as text and as objects) and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connectors.api.values import Json

LabelTest = Callable[[Mapping[str, str]], bool]

_SET = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^)]*)\)$")
_LABEL = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$")


def parse_labels(text: str) -> LabelTest:
    """Return the test that a label selector such as `a=b,c!=d,e in (f,g),h,!i` stands for.

    Raises ValueError for what the API server would refuse.
    """
    start = text.strip()[:1]
    if start in ("=", ")", "("):
        raise ValueError(f"found '{start}', expected: !, identifier, or 'end of string'")
    tests = [_one(part.strip()) for part in _split(text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)


def selector_matches(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object (matchLabels, matchExpressions) selects these labels.

    None selects nothing, an empty selector everything.
    """
    if selector is None:
        return False
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    return all(requirement(item, labels) for item in selector.get("matchExpressions") or ())


def requirement(item: Json, labels: Mapping[str, str]) -> bool:
    """Whether one {key, operator, values} holds; Gt and Lt as in node affinity."""
    key, operator = item["key"], item["operator"]
    values = item.get("values") or []
    present = key in labels
    if operator == "In":
        return present and labels[key] in values
    if operator == "NotIn":
        return not present or labels[key] not in values
    if operator == "Exists":
        return present
    if operator == "DoesNotExist":
        return not present
    if operator in ("Gt", "Lt") and present and labels[key].lstrip("-").isdigit():
        difference = int(labels[key]) - int(values[0])
        return difference > 0 if operator == "Gt" else difference < 0
    return False


def parse_fields(text: str) -> Callable[[Json], bool]:
    """Return the test of a field selector such as `status.phase!=Running,spec.nodeName=n`.

    Raises ValueError when a part has no operator.
    """
    tests: list[tuple[list[str], str, bool]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.match(r"^([^=!]+?)\s*(!=|==|=)\s*(.*)$", part)
        if match is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{part}'")
        tests.append((match[1].split("."), match[3], match[2] != "!="))
    return lambda obj: all((_field(obj, path) == value) is wanted for path, value, wanted in tests)


def _field(obj: Any, path: list[str]) -> str:
    for step in path:
        if not isinstance(obj, dict):
            return ""
        obj = obj.get(step)
    if obj is None:
        return ""
    if isinstance(obj, bool):
        return str(obj).lower()
    return str(obj)


def _split(text: str) -> list[str]:
    return re.split(r",(?![^(]*\))", text)


def _one(part: str) -> LabelTest:
    if match := _SET.match(part):
        key, values = match[1], {value.strip() for value in match[3].split(",")}
        if match[2] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    for operator in ("!=", "==", "="):
        if operator in part:
            key, value = (side.strip() for side in part.split(operator, 1))
            _check(key, part)
            if operator == "!=":
                return lambda labels: labels.get(key) != value
            return lambda labels: labels.get(key) == value
    if part.startswith("!"):
        absent = part[1:].strip()
        _check(absent, part)
        return lambda labels: absent not in labels
    _check(part, part)
    return lambda labels: part in labels


def _check(key: str, part: str) -> None:
    if not _LABEL.match(key):
        raise ValueError(f"unable to parse requirement: found '{part}', expected: identifier")
