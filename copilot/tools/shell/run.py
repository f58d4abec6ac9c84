"""Carries out one command line: read it whole first, then ask the cluster, then filter."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from connectors.api.protocols import ClusterReader
from copilot.model.action import Action
from copilot.model.errors import NotAvailable
from copilot.tools.context import Context
from copilot.tools.redact import redact
from copilot.tools.shell import binary, child
from copilot.tools.shell.cluster import ShellCluster
from copilot.tools.shell.filters import Stage, stage
from copilot.tools.shell.get import Printed, get
from copilot.tools.shell.kubectl import Call, Write, read
from copilot.tools.shell.words import Refused, split
from copilot.tools.shell.writes import proposed

_FIRST = {
    "helm": "get_changes",
    "curl": "check_connectivity",
    "wget": "check_connectivity",
    "nc": "check_connectivity",
    "telnet": "check_connectivity",
    "ping": "check_connectivity",
    "nslookup": "check_connectivity",
    "dig": "check_connectivity",
    "promtool": "get_metrics",
    "docker": "get_logs or describe_resource",
    "crictl": "get_logs or describe_resource",
    "journalctl": "get_logs or get_events",
    "ssh": "describe_resource for Nodes",
    "cat": "describe_resource",
    "ls": "list_resources",
    "k": "kubectl",
    "oc": "kubectl",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A command line that was understood."""

    command: Call | Write
    filters: tuple[Stage, ...]


def plan(line: str) -> Plan:
    """Read a command line. Raises `Refused`; nothing is asked of the cluster yet."""
    first, *rest = split(line)
    name = first[0].text
    if name != "kubectl":
        if "=" in name:
            raise Refused("setting a variable", "begin with kubectl")
        raise Refused(
            f'the command "{name}"', _FIRST.get(name, "begin with kubectl, then grep, head, jq, …")
        )
    return Plan(read(first), tuple(map(stage, rest)))


async def run(context: Context, planned: Plan) -> Printed | list[Action]:
    """Carry out a read, or return the actions that a write asks for."""
    command = planned.command
    if isinstance(command, Write):
        return proposed(context, command)
    reader = context.cluster
    cluster = _shell(reader)
    wanted = command.flag("context")
    if wanted and wanted != getattr(reader, "context", None):
        raise Refused(f'the context "{wanted}"', "the investigation has one cluster: leave it away")
    if command.verb.name == "get":
        printed = await get(context, cluster, command)
    else:
        printed = await binary.run(context, cluster, command)
    if planned.filters and (command.verb.name != "get" or command.flag("output") in ("", "wide")):
        # Before the filters: what they cut out of a line or a block would not look like a secret.
        # Whole objects are redacted where they are read, value by value.
        printed.text = await asyncio.to_thread(redact, printed.text)
    for one in planned.filters:
        if one.alone:
            printed.text = await child.run(one.name, one.words, printed.text)
        else:
            printed.text = await asyncio.to_thread(one.run, printed.text)
    return printed


def _shell(reader: ClusterReader) -> ShellCluster:
    if isinstance(reader, ShellCluster):
        return reader
    raise NotAvailable("This cluster's connector prints no tables: use list_resources instead.")
