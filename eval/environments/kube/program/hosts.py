"""What whoever runs the machines does to a pod, played inside its program."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from eval.apps.stores_api import Unsupported
from eval.environments.kube.program.wire import LINK

_KILLED = 137


def administer_host(command: str, arguments: dict[str, str]) -> bool:
    """Run a command on the pod's host; False for one that is not a host's. Raises `Unsupported`."""
    if command == "impair":
        LINK.delay_ms = float(arguments.get("delay_ms", 0))
        LINK.loss = float(arguments.get("loss", 0))
    elif command == "kill":
        os._exit(_KILLED)
    elif command in ("exhaust", "relieve"):
        _descriptors(command, arguments)
    elif command in ("fail", "clock"):
        raise Unsupported(f"{command} needs the pod's host, which its program is not")
    else:
        return False
    return True


def _descriptors(command: str, arguments: dict[str, str]) -> None:
    if arguments.get("what") != "file_descriptors":
        raise Unsupported(f"cannot exhaust {arguments.get('what')} here")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = len(list(Path("/proc/self/fd").iterdir())) if command == "exhaust" else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
