"""Probes that ask for the wrong thing, or too impatiently."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import dig
from copilot.evidence.repairs.common import BACK, READY, Facts, Row, place
from copilot.model.action import Risk, SetField
from copilot.model.scope import ObjectRef

_HOW = ("httpGet", "tcpSocket", "grpc", "exec")
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_START = 300
"""Seconds that a startup probe is given: some programs load for minutes."""
_REFUSED = re.compile(r"connection refused|no such host|no route to host", re.I)
_STATUS = re.compile(r"statuscode: (4\d\d)")
_EXEC = re.compile(
    r"executable file not found|no such file|not found in \$PATH|exit code: 12[67]", re.I
)


def probe(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Point a probe to what is served; where it asks for the right thing, give it more time."""
    path, container = place(case, ref, str(facts.get("container", "")))
    field = str(facts.get("probe", ""))
    for name in [field] if field in _PROBES else _PROBES:
        now = container.get(name) or {}
        rows = list(_pointed(ref, path, name, now, facts))
        if not rows and field:
            rows = list(_other(case, ref, path, name, container, now))
        yield from rows
        if rows:
            return


def _pointed(ref: ObjectRef, path: str, name: str, now: Json, facts: Facts) -> Iterator[Row]:
    port = facts.get("port")
    for how in ("httpGet", "tcpSocket", "grpc"):
        if isinstance(port, int) and how in now and now[how].get("port") != port:
            yield (
                f"Point the {name} of {ref.name} to port {port}",
                SetField(ref, f"{path}/{name}/{how}/port", json.dumps(port)),
                Risk.LOW,
                BACK,
                READY,
            )


def _other(
    case: Case, ref: ObjectRef, path: str, name: str, container: Json, now: Json
) -> Iterator[Row]:
    """Ask as another probe of the container does, else for a connection, else with more patience."""
    said = _complaints(case, ref, name)
    declared = [p.get("containerPort") for p in container.get("ports") or []]
    asked = next((now[h].get("port") for h in ("httpGet", "tcpSocket", "grpc") if h in now), None)
    wrong = _STATUS.search(said) or _EXEC.search(said)
    unserved = bool(_REFUSED.search(said)) and asked not in declared and bool(declared)
    better = {**now}
    if wrong or unserved:
        handler = _handler(container, name, now) or _connection(declared)
        if handler is None:
            return
        better = {**{k: v for k, v in now.items() if k not in _HOW}, **handler}
        title = f"Let the {name} of {ref.name} ask for what the container serves"
    else:
        title = f"Give the {name} of {ref.name} more time and failures"
    better |= _patient(better, name)
    if better != now:
        yield (
            title,
            SetField(ref, f"{path}/{name}", json.dumps(better, sort_keys=True)),
            Risk.MEDIUM,
            BACK,
            READY,
        )


def _patient(probe: Json, name: str) -> dict[str, Any]:
    period = max(int(probe.get("periodSeconds") or 10), 5 if name == "startupProbe" else 10)
    allowed = -(-_START // period) if name == "startupProbe" else 6
    more = {
        "periodSeconds": period,
        "timeoutSeconds": max(int(probe.get("timeoutSeconds") or 1), 5),
        "failureThreshold": max(int(probe.get("failureThreshold") or 3), allowed),
    }
    if name == "livenessProbe":
        more["initialDelaySeconds"] = max(int(probe.get("initialDelaySeconds") or 0), 60)
    return more if name != "readinessProbe" else {"timeoutSeconds": more["timeoutSeconds"]}


def _handler(container: Json, name: str, now: Json) -> Json | None:
    """Return what another probe of the container asks, where that differs."""
    for other in _PROBES:
        given = container.get(other) or {}
        found = {h: given[h] for h in _HOW if h in given}
        if other != name and found and found != {h: now[h] for h in _HOW if h in now}:
            return found
    return None


def _connection(declared: list[Any]) -> Json | None:
    return {"tcpSocket": {"port": declared[0]}} if declared and declared[0] else None


def _complaints(case: Case, ref: ObjectRef, name: str) -> str:
    word = name.removesuffix("Probe")[1:]
    return " ".join(
        str(event.get("message", ""))
        for pod in case.snapshot.pods(ref)
        for event in case.snapshot.pod_events(pod)
        if event.get("reason") == "Unhealthy" and word in str(dig(event, "message", ""))
    )
