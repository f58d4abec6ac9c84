"""Forks the command line: `python -m tests.copilot.cli.forking FD`.

Most of what a command costs is what it imports. This process does that once; then it forks a process
for each command that a `Forks` asks for, which runs `main` as the installed script does.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from typing import NoReturn

PRELOADED = (
    "copilot.cli.main",
    "copilot.cli.stopping",
    "copilot.agent.offline",
    "copilot.agent.render",
    "copilot.sessions.assemble",
    "copilot.sessions.knowledge",
    "alembic.command",
    "bm25s",
    "kubernetes.aio.client",
    "kubernetes.aio.config",
    "onnxruntime",
    "prometheus_api_client",
    "rich.console",
    "rich.markdown",
    "rich.progress",
    "tokenizers",
)
FOR_INDEX = ("chromadb", "retrieval.ingestion.llama", "llama_index.vector_stores.chroma")
"""What only `index` needs, which is much."""

REQUEST_BYTES = 1 << 18
"""More than a request can have: its arguments and its environment."""


def serve(requests: socket.socket) -> None:
    """Fork for one request after the other; answer each with the exit code of its process."""
    _import(PRELOADED)
    while True:
        data, descriptors, *_ = socket.recv_fds(requests, REQUEST_BYTES, 2)
        if not data:
            return
        request = json.loads(data)
        if "index" in request["arguments"][:1]:
            _import(FOR_INDEX)
        child = os.fork()
        if child == 0:
            requests.close()
            _run(request["arguments"], request["environment"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        requests.send(str(code).encode())


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def _run(arguments: list[str], environment: dict[str, str], descriptors: list[int]) -> NoReturn:
    for standard, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["incident-copilot", *arguments]
    from copilot.cli.main import main

    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    # Native libraries that were loaded before the fork may not survive being unloaded after it.
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
