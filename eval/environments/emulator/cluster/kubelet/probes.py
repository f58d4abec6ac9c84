"""Probes: one attempt, and its outcome in the kubelet's words."""

from __future__ import annotations

import re
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState, PodState
from eval.environments.emulator.seams import Programs

TITLES = {
    "startupProbe": "Startup",
    "readinessProbe": "Readiness",
    "livenessProbe": "Liveness",
}
_EXIT = re.compile(r"\bexit\s+([1-9]\d*)\s*$")


def attempt(
    programs: Programs, pod: Json, state: PodState, item: ContainerState, probe: Json, now: datetime
) -> str:
    """Try a probe once; "" is success, anything else the output after "probe failed: "."""
    if http := probe.get("httpGet"):
        return _http(programs, pod, state, item, probe, http, now)
    if tcp := probe.get("tcpSocket"):
        port = _port(item, tcp.get("port"))
        if port is None:
            return f'couldn\'t find port "{tcp.get("port")}"'
        host = tcp.get("host") or state.ip
        return "" if port in state.listening else _refused(f"{host}:{port}")
    if grpc := probe.get("grpc"):
        port = int(grpc["port"])
        if port in state.listening:
            return ""
        return (
            f'timeout: failed to connect service "{state.ip}:{port}" within'
            f" {probe['timeoutSeconds']}s: context deadline exceeded"
        )
    return _command((probe.get("exec") or {}).get("command") or [])


def _http(
    programs: Programs,
    pod: Json,
    state: PodState,
    item: ContainerState,
    probe: Json,
    http: Json,
    now: datetime,
) -> str:
    port = _port(item, http.get("port"))
    if port is None:
        return f'couldn\'t find port "{http.get("port")}"'
    host = http.get("host") or state.ip
    path = "/" + str(http.get("path") or "/").lstrip("/")
    url = f"{str(http.get('scheme', 'HTTP')).lower()}://{host}:{port}{path}"
    if port not in state.listening:
        return f'Get "{url}": {_refused(f"{host}:{port}")}'
    status = programs.http_status(pod, item.spec, path, now)
    if status <= 0:
        return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _refused(address: str) -> str:
    return f"dial tcp {address}: connect: connection refused"


def _port(item: ContainerState, port: int | str | None) -> int | None:
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isdigit():
        return int(port)
    for candidate in item.spec.get("ports") or ():
        if candidate.get("name") == port:
            return int(candidate["containerPort"])
    return None


def _command(command: list[str]) -> str:
    """Commands succeed while the container runs, except those that plainly cannot."""
    text = " ".join(command)
    if command and command[0].rsplit("/", 1)[-1] == "false":
        return "command failed"
    if _EXIT.search(text):
        return "command failed"
    match = re.search(r"\bcat\s+(/tmp/\S+)$", text)
    return f"cat: {match[1]}: No such file or directory" if match else ""
