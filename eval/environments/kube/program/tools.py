"""Small network tools that init containers use, as far as they use them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence


def nslookup(arguments: Sequence[str]) -> int:
    """Look a name up; 1 when there is none."""
    name = arguments[-1]
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        print(f"** server can't find {name}: NXDOMAIN", flush=True)
        return 1
    print(f"Name:\t{name}\nAddress: {found[0][4][0]}", flush=True)
    return 0


def nc(arguments: Sequence[str]) -> int:
    """Try whether a port accepts; 1 when it does not."""
    words = [word for word in arguments if not word.startswith("-")]
    try:
        socket.create_connection((words[-2], int(words[-1])), 2).close()
    except OSError:
        return 1
    return 0


TOOLS: dict[str, Callable[[Sequence[str]], int]] = {"nslookup": nslookup, "nc": nc}
"""The tools by the name of their command."""
