"""Which program a container runs: decided by its command, as in a real image."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from eval.apps.model import App, Service


def program_name(service: Service) -> str:
    """The name of the executable that is a service's own."""
    return Path(service.command[0]).name if service.command else service.name


def own_program(app: App) -> Service | None:
    """The service whose program this process was started as; None for anything else.

    Several programs may share a command and its arguments: then the pod's name decides.
    """
    name, args = Path(sys.argv[0]).name, tuple(sys.argv[1:])
    found = [s for s in app.services.values() if program_name(s) == name]
    same = [s for s in found if (*s.command[1:], *s.args) == args] or found
    host = socket.gethostname()
    named = [s for s in same if host.startswith(s.name + "-")]
    return max(named or same, key=lambda service: len(service.name), default=None)
