"""What `doctor` asks a cluster: is it there, and may we do what we need to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from connectors.api.errors import ConnectorError, SourceForbidden
from connectors.api.values import Check
from connectors.kubernetes.client import Connection

# What an investigation reads, and the one right that only a fix needs.
_READS = (("list", "Pod"), ("list", "Event"), ("get", "Pod/log"), ("list", "Deployment"))
_WRITE = ("patch", "Deployment")


class _Asks(Protocol):
    async def can(self, verb: str, kind: str, namespace: str) -> bool: ...


async def check(reader: _Asks, connection: Connection, namespaces: Sequence[str]) -> list[Check]:
    """Return one row per thing tried. Never raises; stops after the first when nothing answers."""
    try:
        version = await connection.json("GET", "/version", "read its version")
    except ConnectorError as error:
        return [Check("cluster reachable", False, str(error), _repair(error))]
    detail = f"{connection.server}, Kubernetes {version.get('gitVersion', 'of unknown version')}"
    rows = [Check("cluster reachable", True, detail)]
    for namespace in namespaces or ("",):
        questions = (*_READS, _WRITE)
        rows += await asyncio.gather(
            *(_ask(reader, verb, kind, namespace) for verb, kind in questions)
        )
    return rows


async def _ask(reader: _Asks, verb: str, kind: str, namespace: str) -> Check:
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    what = "read logs" if kind == "Pod/log" else f"{verb} {kind}s"
    name = f"may {what} {where}"
    try:
        allowed = await reader.can(verb, kind, namespace)
    except ConnectorError as error:
        return Check(name, False, str(error), _repair(error))
    if allowed:
        return Check(name, True, "allowed")
    if (verb, kind) == _WRITE:
        return Check(
            name,
            False,
            "not allowed: diagnoses work, fixes cannot be applied",
            f"bind the ClusterRole `edit` to this user {where}, or leave fixes to people",
        )
    return Check(name, False, "not allowed", f"bind the ClusterRole `view` to this user {where}")


def _repair(error: ConnectorError) -> str:
    if isinstance(error, SourceForbidden):
        return "renew the login of this kubeconfig context, or choose another with --context"
    return (
        "check the address in the kubeconfig, the VPN and the firewall; then try `kubectl version`"
    )
