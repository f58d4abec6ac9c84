"""Writes docs/tools.md: `python -m copilot.tools.docs > docs/tools.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from copilot.tools.catalog import ALL_TOOLS
from copilot.tools.registry import Definition

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "list_resources": {"kind": "Pod"},
    "describe_resource": {"kind": "deploy", "name": "checkout"},
    "get_events": {"object": "checkout"},
    "get_logs": {"service": "checkout", "grep": "timeout"},
    "get_changes": {"since_minutes": 60},
    "check_connectivity": {"service": "payment", "source": "checkout"},
    "get_topology": {"service": "checkout"},
    "get_metrics": {"service": "checkout"},
    "get_traces": {"service": "checkout"},
    "get_alerts": {},
    "exec_shell": {"command": "kubectl get pods -o wide | grep -v Running"},
    "search_knowledge": {"query": "connection pool exhausted", "kind": "runbook"},
    "propose_mitigation": {
        "action": "scale",
        "object": "Deployment/shop/checkout",
        "parameters": {"replicas": 3},
    },
    "show_evidence": {"id": "ev-0123456789", "offset": 6000},
    "submit": {
        "verdict": "incident",
        "summary": "payment's Service points to a port that nobody listens on [ev-0123456789].",
        "root_causes": [
            {
                "cause": "service.target_port_mismatch",
                "object": "Service/shop/payment",
                "summary": "targetPort is 9999, the container listens on 8080 [ev-0123456789].",
                "confidence": 0.9,
                "evidence": ["ev-0123456789"],
            }
        ],
    },
}
"""One call of each tool, as an agent would make it."""

_HEAD = """# Tools

What an agent may do. Each tool answers within a budget of tokens and names its evidence;
`show_evidence` pages through the whole of it. A failure is either "correct your call", with the
nearest valid names, or "not available", with what was asked. Nothing here changes the cluster.

By hand: `incident-copilot tools call NAME key=value …`. For other programs: `incident-copilot mcp`.
A toolset of your own (an MCP server, or Python functions): [configuration](configuration.md).
"""


def describe(definition: Definition) -> str:
    """Return a tool's page as Markdown: docstring, arguments, example."""
    lines = [f"## {definition.name}", "", definition.description, ""]
    properties: Mapping[str, Any] = definition.parameters["properties"]
    required = definition.parameters["required"]
    if properties:
        lines += ["| argument | type | default | meaning |", "| --- | --- | --- | --- |"]
        for name, schema in properties.items():
            default = "required" if name in required else f"`{json.dumps(schema.get('default'))}`"
            text = str(schema.get("description", "")).replace("|", "\\|")
            lines.append(f"| `{name}` | {_type(schema)} | {default} | {text} |")
        lines.append("")
    example = json.dumps(EXAMPLES.get(definition.name, {}), ensure_ascii=False)
    return "\n".join(
        [*lines, "```json", f'{{"name": "{definition.name}", "arguments": {example}}}', "```", ""]
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    return str(schema.get("type", "any"))


def document() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *map(describe, ALL_TOOLS)]).rstrip() + "\n"


if __name__ == "__main__":
    print(document(), end="")
