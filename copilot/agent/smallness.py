"""Small models: few tools with short schemas, and the engine says what to look at next."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from copilot.agent.answer import SUBMIT
from copilot.model.diagnosis import Diagnosis

Schema = Mapping[str, Any]

_TOOLS = ("describe_resource", "get_logs", "get_changes", "check_connectivity", "show_evidence")
_MOST_TOOLS = 5
_OPTIONAL = 1
_DESCRIPTION = 110


def few(tools: Sequence[Schema]) -> list[dict[str, Any]]:
    """Return the tools that a small model is offered, shortened; the one to answer with stays."""
    last = [tool for tool in tools if tool["function"]["name"] == SUBMIT]
    rest = [tool for tool in tools if tool["function"]["name"] != SUBMIT]
    chosen = [tool for tool in rest if tool["function"]["name"] in _TOOLS] or rest
    return [*map(_short, chosen[:_MOST_TOOLS]), *map(dict, last)]


def _short(tool: Schema) -> dict[str, Any]:
    function = tool["function"]
    schema = function["parameters"]
    needed = list(schema.get("required", ()))
    properties = schema.get("properties", {})
    kept = [*needed, *[name for name in properties if name not in needed][:_OPTIONAL]]
    parameters = {
        "type": "object",
        "properties": {name: _brief(properties[name]) for name in kept if name in properties},
        "required": needed,
    }
    text = re.split(r"(?<=\.)\s", " ".join(function["description"].split()))[0][:_DESCRIPTION]
    body = {"name": function["name"], "description": text, "parameters": parameters}
    return {"type": "function", "function": body}


def _brief(item: Schema) -> dict[str, Any]:
    shown = {key: value for key, value in item.items() if key in ("type", "enum", "items")}
    return {**shown, "description": str(item.get("description", ""))[:60]}


class Guide:
    """The evidence engine's own order of looking: what decides about its first causes."""

    def __init__(self, diagnosis: Diagnosis, tools: Sequence[Schema]) -> None:
        self._schemas = {t["function"]["name"]: t["function"]["parameters"] for t in tools}
        self._left = [step for step in _steps(diagnosis) if self._fits(*step)]

    def _fits(self, name: str, arguments: Mapping[str, str]) -> bool:
        schema = self._schemas.get(name)
        if schema is None:
            return False
        return {*schema.get("required", ())} <= {*arguments} <= {*schema.get("properties", {})}

    def called(self, name: str, arguments: str) -> None:
        """Strike off what the model has looked at."""
        try:
            given = json.loads(arguments or "{}")
        except json.JSONDecodeError:
            return
        if isinstance(given, dict):
            self._left = [
                (tool, wanted)
                for tool, wanted in self._left
                if tool != name or not wanted.items() <= given.items()
            ]

    def hint(self) -> str:
        """Return what to do next, for the model."""
        if not self._left:
            return f"The evidence engine proposes nothing more to look at: call {SUBMIT} now."
        name, arguments = self._left[0]
        call = f"{name} with {json.dumps(arguments)}"
        return f"The evidence engine proposes as the next step: {call}. If you are sure, answer."


def _steps(diagnosis: Diagnosis) -> list[tuple[str, dict[str, str]]]:
    steps: list[tuple[str, dict[str, str]]] = []
    objects = [cause.object for cause in diagnosis.root_causes[:2]]
    objects += [finding.object for finding in diagnosis.findings[:1]]
    for ref in dict.fromkeys(objects):
        if ref.namespace:
            steps.append(("get_logs", {"service": ref.name}))
        steps.append(("describe_resource", {"kind": ref.kind, "name": ref.name}))
    return [*steps[:4], ("get_changes", {})]
