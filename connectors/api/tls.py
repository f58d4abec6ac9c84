"""Whom HTTP clients trust."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@cache
def trusted() -> ssl.SSLContext:
    """Return the machine's certificate authorities, read once in a process.

    Reading them costs more than all else that a client needs, and clients of plain HTTP have one too.
    """
    import httpx2

    return httpx2.create_ssl_context()
