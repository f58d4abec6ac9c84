"""Rule files in Prometheus' own format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eval.environments.emulator.telemetry.durations import model_duration
from eval.environments.emulator.telemetry.promql import PromQLError
from eval.environments.emulator.telemetry.promql.engine import parse

RULE_FILE = Path(__file__).parents[1] / "rules" / "alerts.yaml"
"""The rules that every emulated Prometheus has unless told otherwise."""

_FIELDS = {"alert", "expr", "for", "labels", "annotations"}


class RuleError(ValueError):
    """A rule file that cannot be used; one line that names the rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule. `hold` is its `for`, in seconds."""

    name: str
    expression: str
    hold: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together."""

    name: str
    file: str
    rules: tuple[Rule, ...]


def load_rules(path: Path = RULE_FILE) -> tuple[Group, ...]:
    """Read a rule file. Raises `RuleError`, and `OSError` for a file that cannot be read."""
    text = path.read_text(encoding="utf-8")
    try:
        content = yaml.load(text, Loader=yaml.CSafeLoader)
        groups = content["groups"]
        return tuple(
            Group(str(group["name"]), path.name, tuple(_rule(item) for item in group["rules"]))
            for group in groups
        )
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise RuleError(f"{path}: not a file of rule groups: {error!r}") from error


def _rule(item: dict[str, Any]) -> Rule:
    name = str(item.get("alert", ""))
    if not name:
        raise RuleError(f"only alerting rules are evaluated here, and this is none: {item}")
    unknown = set(item) - _FIELDS
    if unknown:
        raise RuleError(f"the rule {name} has fields that are not known: {sorted(unknown)}")
    expression = str(item.get("expr", "")).strip()
    try:
        parse(expression)
        hold = model_duration(str(item["for"])) if "for" in item else 0.0
    except (PromQLError, ValueError) as error:
        raise RuleError(f"the rule {name} cannot be used: {error}") from error
    return Rule(
        name,
        expression,
        hold,
        {str(k): str(v) for k, v in (item.get("labels") or {}).items()},
        {str(k): str(v) for k, v in (item.get("annotations") or {}).items()},
    )
