"""Every way in which an HTTP source can fail us, as one clear line of a connector error."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)

_LONGEST = 300
_KEYS = ("error", "message", "msg", "reason", "errorMessages", "errors", "detail")


def from_status(status: int, text: str, kind: str, product: str, url: str) -> ConnectorError:
    """Explain a response whose status is no success; `kind` is its Content-Type."""
    words = _own_words(text, kind)
    said = f": {words}" if words else ""
    if status in (401, 403):
        how = "credentials are missing or wrong" if status == 401 else "our rights do not suffice"
        return SourceForbidden(f"{product} at {url} refuses us ({status}, {how}){said}")
    if status in (400, 422):
        return SourceRejected(f"{product} rejects the request ({status}){said or ': no reason'}")
    if status in (413, 414, 431):
        return SourceRejected(f"the request is too long for {product} at {url} ({status})")
    if status == 404:
        return SourceMissing(
            f"{product} at {url} has no such thing (404): "
            f"check the name, and the path prefix of the URL{said}"
        )
    if status in (429, 502, 503, 504):
        return SourceUnreachable(f"{product} at {url} cannot answer now ({status}){said}")
    return ConnectorError(f"{product} at {url} failed ({status}){said}")


def from_exception(error: Exception, product: str, url: str, seconds: float) -> ConnectorError:
    """Explain what `httpx2` or the operating system raised."""
    import httpx2

    if isinstance(error, httpx2.ConnectTimeout):
        return SourceUnreachable(f"{product} at {url} cannot be reached: connecting timed out")
    if isinstance(error, httpx2.TimeoutException):
        return timed_out(product, url, seconds)
    if isinstance(error, httpx2.TooManyRedirects):
        return malformed(product, url, "it redirects without end")
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.DecodingError):
        return ConnectorError(f"the answer of {product} at {url} broke off")
    if isinstance(error, httpx2.ConnectError):
        return _unreachable(error, product, url)
    if isinstance(error, FileNotFoundError | PermissionError):
        return ConnectorError(f"the credentials for {product} cannot be read: {error}")
    return ConnectorError(f"the request to {product} at {url} failed: {one_line(str(error))}")


def timed_out(product: str, url: str, seconds: float) -> SourceUnreachable:
    """Explain that no answer came in time."""
    return SourceUnreachable(
        f"{product} at {url} did not answer within {seconds:g} s: "
        "ask for less (a shorter period, fewer results), or raise its time-out"
    )


def too_large(product: str, url: str, limit: int) -> SourceRejected:
    """Explain an answer that is too large to be read."""
    return SourceRejected(
        f"the answer of {product} at {url} has more than {limit // 2**20} MiB: ask for less"
    )


def malformed(product: str, url: str, why: str) -> ConnectorError:
    """Explain a good answer that is not the product's."""
    return ConnectorError(
        f"what answers at {url} does not speak the API of {product} ({one_line(why)}): "
        "check the URL, and whether a login page stands before it"
    )


def one_line(text: str) -> str:
    """Return a text without line breaks, cut to a few hundred characters."""
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _own_words(text: str, kind: str) -> str:
    """Return the product's own error text; of anything else that answers, its first words."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "" if "html" in kind else one_line(text)
    return one_line(_found(body))


def _found(body: Any) -> str:
    """Look for the text of an error in the usual places of JSON bodies."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return next((found for found in map(_found, body) if found), "")
    if isinstance(body, dict):
        return next((found for key in _KEYS if (found := _found(body.get(key)))), "")
    return ""


def _unreachable(error: Exception, product: str, url: str) -> SourceUnreachable:
    reason = _reason(error)
    if "CERTIFICATE_VERIFY_FAILED" in reason or "certificate verify failed" in reason:
        return SourceUnreachable(
            f"{product} at {url} has a certificate that we do not trust ({reason}): "
            "give its CA as ca_file"
        )
    if "SSL" in reason:
        return SourceUnreachable(
            f"TLS with {product} at {url} fails ({reason}): does it want http:// instead?"
        )
    return SourceUnreachable(f"{product} at {url} cannot be reached: {reason}")


def _reason(error: BaseException) -> str:
    """Find the operating system's words at the bottom of a chain of exceptions."""
    deepest, seen = "", set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, socket.gaierror):
            deepest = "the host name is not known"
        elif isinstance(current, OSError) and current.strerror:
            deepest = current.strerror
        current = current.__cause__ or current.__context__
    return one_line(deepest or str(error))
