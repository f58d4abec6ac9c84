"""`pods/exec` over WebSocket (v5 and v4 channels), for commands that only read."""

from __future__ import annotations

import json
from datetime import datetime

from aiohttp import WSMsgType, web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.commands import Output, run
from eval.environments.emulator.cluster.api.shell import Inside
from eval.environments.emulator.cluster.errors import ApiError, bad_request
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.objects import finished

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255


async def run_command(
    request: web.Request, pod: Json, kubelets: Kubelets, inside: Inside, now: datetime
) -> web.StreamResponse:
    """Run the command of an exec request and send its output. Raises `ApiError` before that."""
    container = _container(pod, request.query.get("container", ""))
    command = request.query.getall("command", [])
    if not command:
        raise bad_request("you must specify at least 1 command for the container")
    if finished(pod):
        phase = pod["status"]["phase"]
        raise bad_request(
            f"cannot exec into a container in a completed pod; current phase is {phase}"
        )
    if not pod["spec"].get("nodeName"):
        name = pod["metadata"]["name"]
        raise bad_request(f"pod {name} does not have a host assigned")
    state = kubelets.pod(pod["metadata"]["uid"])
    item = None if state is None else state.container(container)
    if item is None or not item.running:
        raise ApiError(
            500,
            "InternalError",
            f'unable to upgrade connection: container not found ("{container}")',
        )
    if request.headers.get("Upgrade", "").lower() != "websocket":
        # SPDY clients try WebSocket first since kubectl 1.31
        raise bad_request("unable to upgrade: exec is served over WebSocket only")
    socket = web.WebSocketResponse(protocols=_PROTOCOLS)
    await socket.prepare(request)
    output = run(inside, pod, container, command, now)
    await _send(socket, request, output, await _input(socket, request))
    await socket.close()
    return socket


async def _input(socket: web.WebSocketResponse, request: web.Request) -> bytes:
    """Read what the client sends until it closes its standard input."""
    if request.query.get("stdin") != "true" or socket.ws_protocol != _PROTOCOLS[0]:
        return b""
    read = b""
    async for message in socket:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        if message.data[0] == _CLOSE:
            break
        if message.data[0] == _STDIN:
            read += message.data[1:]
    return read


async def _send(
    socket: web.WebSocketResponse, request: web.Request, output: Output, given: bytes
) -> None:
    tty = request.query.get("tty") == "true"
    text = output.out if not output.echo else given.decode(errors="replace")
    for channel, part in ((_STDOUT, text), (_STDOUT if tty else _STDERR, output.err)):
        if part:
            await socket.send_bytes(bytes([channel]) + part.encode())
    status: Json = {"metadata": {}, "status": "Success"}
    if output.code:
        cause = {"reason": "ExitCode", "message": str(output.code)}
        status = {
            "metadata": {},
            "status": "Failure",
            "reason": "NonZeroExitCode",
            "message": f"command terminated with non-zero exit code: exit status {output.code}",
            "details": {"causes": [cause]},
        }
    if output.missing:
        status = {
            "metadata": {},
            "status": "Failure",
            "reason": "InternalError",
            "message": f"Internal error occurred: {output.missing}",
            "code": 500,
        }
    await socket.send_bytes(bytes([_ERROR]) + json.dumps(status).encode())


def _container(pod: Json, asked: str) -> str:
    names = [str(item["name"]) for item in pod["spec"]["containers"]]
    inits = [str(item["name"]) for item in pod["spec"].get("initContainers") or ()]
    if not asked and len(names) == 1:
        return names[0]
    if not asked:
        raise bad_request(
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one of:"
            f" [{' '.join(names)}]"
        )
    extra = [str(item["name"]) for item in pod["spec"].get("ephemeralContainers") or ()]
    if asked not in (*names, *inits, *extra):
        raise bad_request(f"container {asked} is not valid for pod {pod['metadata']['name']}")
    return asked
