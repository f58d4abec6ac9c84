"""Probes: one attempt, and its outcome in the kubelet's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState, PodState
from eval.environments.emulator.cluster.software import Software

TITLES = {
    "startupProbe": "Startup",
    "readinessProbe": "Readiness",
    "livenessProbe": "Liveness",
}
Attempt = Callable[[Json, datetime], str | None]
"""Tries once; None is success, anything else the output after "probe failed: " (maybe none)."""


class Errored(str):
    """Why an attempt could not be made. It counts neither as a success nor as a failure."""

    __slots__ = ()


_NO_PROGRAM = 127
_EXIT = re.compile(r"\bexit\s+([1-9]\d*)\s*$")


def prepare(software: Software, state: PodState, item: ContainerState, probe: Json) -> Attempt:
    """Return how to try a probe; what does not change from try to try is worked out once."""
    if http := probe.get("httpGet"):
        return _http(software, state, item, probe, http)
    if tcp := probe.get("tcpSocket"):
        return _tcp(state, item, tcp)
    if grpc := probe.get("grpc"):
        return _grpc(software, state, item, probe, grpc)
    return _exec(software, item, probe)


def port_number(item: ContainerState, port: int | str | None) -> int | None:
    """Return the number of a port given by number or by the container's name for it."""
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isdigit():
        return int(port)
    for candidate in item.spec.get("ports") or ():
        if candidate.get("name") == port:
            return int(candidate["containerPort"])
    return None


def _http(
    software: Software, state: PodState, item: ContainerState, probe: Json, http: Json
) -> Attempt:
    port = port_number(item, http.get("port"))
    if port is None:
        return _never(http.get("port"))
    path = "/" + str(http.get("path") or "/").lstrip("/")
    status_of, spec = software.http_status(item.spec), item.spec

    def attempt(pod: Json, now: datetime) -> str | None:
        host = http.get("host") or state.ip
        if port not in state.listening:
            return f'Get "{_url(http, host, port, path)}": {_refused(f"{host}:{port}")}'
        status = status_of(pod, spec, path, now)
        if 200 <= status < 400:
            return None
        if status <= 0:
            return (
                f'Get "{_url(http, host, port, path)}": context deadline exceeded'
                " (Client.Timeout exceeded while awaiting headers)"
            )
        return f"HTTP probe failed with statuscode: {status}"

    return attempt


def _tcp(state: PodState, item: ContainerState, tcp: Json) -> Attempt:
    port = port_number(item, tcp.get("port"))
    if port is None:
        return _never(tcp.get("port"))

    def attempt(pod: Json, now: datetime) -> str | None:
        if port in state.listening:
            return None
        return _refused(f"{tcp.get('host') or state.ip}:{port}")

    return attempt


def _grpc(
    software: Software, state: PodState, item: ContainerState, probe: Json, grpc: Json
) -> Attempt:
    port, service = int(grpc["port"]), str(grpc.get("service") or "")

    def attempt(pod: Json, now: datetime) -> str | None:
        if port not in state.listening:
            return (
                f'timeout: failed to connect service "{state.ip}:{port}" within'
                f" {probe['timeoutSeconds']}s: context deadline exceeded"
            )
        health = software.grpc_health(pod, item.name, service, now)
        if health == "SERVING":
            return None
        if health == "UNIMPLEMENTED":
            return (
                "error: this server does not implement the grpc health protocol"
                " (grpc.health.v1.Health): unknown service grpc.health.v1.Health"
            )
        if health:
            return f'service unhealthy (responded with "{health}")'
        return f"timeout: health rpc did not complete within {probe['timeoutSeconds']}s"

    return attempt


def _exec(software: Software, item: ContainerState, probe: Json) -> Attempt:
    command = [str(word) for word in (probe.get("exec") or {}).get("command") or ()]
    guessed = _guess(command)

    def attempt(pod: Json, now: datetime) -> str | None:
        answer = software.command(pod, item.name, command, now)
        if answer is None:
            return guessed
        code, output = answer
        if code == _NO_PROGRAM and not output:
            return Errored(no_program(item.container_id, command))
        return None if code == 0 else output

    return attempt


def no_program(container_id: str, command: list[str]) -> str:
    """Return the runtime's words for a command that is not in the image."""
    return (
        "rpc error: code = Unknown desc = failed to exec in container: failed to start exec"
        f' "{container_id.rpartition("/")[2]}": OCI runtime exec failed: exec failed: unable to'
        f' start container process: exec: "{"".join(command[:1])}": executable file not found in'
        " $PATH: unknown"
    )


def _url(http: Json, host: str, port: int, path: str) -> str:
    return f"{str(http.get('scheme', 'HTTP')).lower()}://{host}:{port}{path}"


def _never(port: object) -> Attempt:
    return lambda pod, now: Errored(f'strconv.Atoi: parsing "{port}": invalid syntax')


def _refused(address: str) -> str:
    return f"dial tcp {address}: connect: connection refused"


def _guess(command: list[str]) -> str | None:
    """Commands succeed while the container runs, except those that plainly cannot."""
    text = " ".join(command)
    if command and command[0].rsplit("/", 1)[-1] == "false":
        return ""
    if _EXIT.search(text):
        return ""
    match = re.search(r"\bcat\s+(/tmp/\S+)$", text)
    return f"cat: {match[1]}: No such file or directory" if match else None
