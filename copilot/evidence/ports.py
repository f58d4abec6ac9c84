"""Ports of containers: names to numbers."""

from __future__ import annotations

from connectors.api.values import Json
from copilot.evidence.kube import containers


def numbers_of(container: Json) -> list[int]:
    """Return the ports that one container declares, in order."""
    return [
        p["containerPort"]
        for p in container.get("ports") or []
        if isinstance(p.get("containerPort"), int)
    ]


def resolve_port(port: object, container: Json) -> int | None:
    """Return the number of a port given by number or by a name that the container declares."""
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isdigit():
        return int(port)
    for item in container.get("ports") or []:
        if port and item.get("name") == port:
            return int(item["containerPort"])
    return None


def resolve_in_pod(port: object, spec: Json) -> int | None:
    """Return the number of a port by number or by a name that some container declares."""
    for container in containers(spec):
        number = resolve_port(port, container)
        if number is not None:
            return number
    return None
