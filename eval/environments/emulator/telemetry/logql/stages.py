"""A pipeline at work: which lines remain, and with which labels."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from eval.environments.emulator.telemetry.durations import go_duration
from eval.environments.emulator.telemetry.logql import ast
from eval.environments.emulator.telemetry.matchers import compile_re2

Labels = dict[str, str]

ERROR = "__error__"
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge,
    "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_SIZES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}  # fmt: skip
_PAIR = re.compile(r'([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*)))?(?=\s|$)')
_NOT_LABEL = re.compile(r"[^A-Za-z0-9_]")


def run(stages: Iterable[ast.Stage], stream: Labels, line: str) -> Labels | None:
    """Return the labels with which a line leaves the pipeline, None when it does not."""
    labels = stream
    for stage in stages:
        if isinstance(stage, ast.LineFilter):
            if not _kept(stage, line):
                return None
        elif isinstance(stage, ast.Parse):
            labels = _parsed(stage, stream, dict(labels), line)
        else:
            held, wrong = _holds(stage, labels)
            if wrong:
                labels = {**labels, ERROR: "LabelFilterErr"}
            if not held:
                return None
    return labels


def _kept(stage: ast.LineFilter, line: str) -> bool:
    if stage.op in ("|=", "!="):
        return (stage.text in line) is (stage.op == "|=")
    return (compile_re2(stage.text).search(line) is not None) is (stage.op == "|~")


def _parsed(stage: ast.Parse, stream: Labels, labels: Labels, line: str) -> Labels:
    if stage.format == "json":
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            return {**labels, ERROR: "JSONParserErr"}
        found = dict(_flat(fields, ""))
    else:
        pairs = [match for match in _PAIR.finditer(line) if "=" in match.group()]
        found = {_label(m[1]): m[3] if m[2] is None else _unescaped(m[2]) for m in pairs}
    for name, value in found.items():
        labels[f"{name}_extracted" if name in stream else name] = value
    return labels


def _flat(fields: dict[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in fields.items():
        name = prefix + _label(str(key), first=not prefix)
        if isinstance(value, dict):
            yield from _flat(value, f"{name}_")
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        elif value is None:
            yield name, ""
        elif not isinstance(value, list):
            yield name, str(value)


def _label(name: str, *, first: bool = True) -> str:
    clean = _NOT_LABEL.sub("_", name)
    return f"_{clean}" if first and clean[:1].isdigit() else clean


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)


def _holds(condition: ast.Condition, labels: Labels) -> tuple[bool, bool]:
    """Return whether a condition holds, and whether a label could not be read as a number.

    A line whose label cannot be read passes, marked with an error, as in Loki.
    """
    if isinstance(condition, ast.LabelMatch):
        return condition.matcher.accepts(labels), False
    if isinstance(condition, ast.LabelNumber):
        text = labels.get(condition.name)
        if text is None:
            return False, False
        try:
            number = _number(text, condition.unit)
        except ValueError:
            return True, True
        return _COMPARE[condition.op](number, condition.value), False
    results = [_holds(part, labels) for part in condition.parts]
    held = (all if condition.every else any)(result[0] for result in results)
    return held, any(result[1] for result in results)


def _number(text: str, unit: str) -> float:
    if unit == "duration":
        return go_duration(text)
    if unit == "bytes":
        match = re.fullmatch(r"([\d.]+)\s*([A-Za-z]*)", text)
        if match is None or match[2].lower() not in _SIZES:
            raise ValueError(text)
        return float(match[1]) * _SIZES[match[2].lower()]
    return float(text)
