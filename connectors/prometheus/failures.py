"""Every way in which a Prometheus can fail us, as one clear line of a connector error."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)

if TYPE_CHECKING:
    import requests

_LONGEST = 300


def from_response(response: requests.Response, url: str) -> ConnectorError:
    """Explain a response whose status is an error."""
    status, text = response.status_code, _own_text(response)
    said = f": {text}" if text else ""
    if status in (401, 403):
        how = "credentials are missing or wrong" if status == 401 else "our rights do not suffice"
        return SourceForbidden(f"Prometheus at {url} refuses us ({status}, {how}){said}")
    if status in (400, 422):
        return SourceRejected(
            f"Prometheus rejects the query ({status}){said or ': no reason given'}"
        )
    if status in (413, 414, 431):
        return SourceRejected(f"the query is too long for Prometheus at {url} ({status})")
    if status == 404:
        return SourceMissing(
            f"there is no Prometheus API at {url} (404): check the path prefix of the URL{said}"
        )
    if status in (429, 502, 503, 504):
        return SourceUnreachable(f"Prometheus at {url} cannot answer now ({status}){said}")
    return ConnectorError(f"Prometheus at {url} failed ({status}){said}")


def _own_text(response: requests.Response) -> str:
    """Return Prometheus' own error text; of anything else that answers, its first words."""
    try:
        body = response.json()
    except ValueError:
        kind = response.headers.get("Content-Type", "")
        return "" if "html" in kind else _one_line(response.text)
    error = body.get("error") if isinstance(body, dict) else None
    return _one_line(error) if isinstance(error, str) else ""


def _one_line(text: str) -> str:
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def malformed(url: str, why: str) -> ConnectorError:
    """Explain an answer of status 200 that is not Prometheus'."""
    return ConnectorError(
        f"what answers at {url} does not speak Prometheus' API ({_one_line(why)}): "
        "check the URL, and whether a login page stands before it"
    )


def from_exception(error: Exception, url: str, seconds: float) -> ConnectorError:
    """Explain what `requests` or `prometheus-api-client` raised."""
    from requests import exceptions as failed

    if isinstance(error, failed.ConnectTimeout):
        return SourceUnreachable(f"Prometheus at {url} cannot be reached: connecting timed out")
    if isinstance(error, failed.Timeout):
        return timed_out(url, seconds)
    if isinstance(error, failed.SSLError):
        return _no_tls(url, _reason(error))
    if isinstance(error, failed.JSONDecodeError):
        return malformed(url, "no JSON")
    if isinstance(error, failed.ChunkedEncodingError | failed.ContentDecodingError):
        return ConnectorError(f"the answer of Prometheus at {url} broke off")
    if isinstance(error, failed.TooManyRedirects):
        return malformed(url, "it redirects without end")
    if isinstance(error, failed.ConnectionError):
        # requests reports a time-out in the middle of a body like this
        if "Read timed out" in str(error):
            return timed_out(url, seconds)
        return SourceUnreachable(f"Prometheus at {url} cannot be reached: {_reason(error)}")
    if isinstance(error, KeyError | TypeError | IndexError | AttributeError):
        return malformed(url, "JSON of another shape")
    return ConnectorError(f"the request to Prometheus at {url} failed: {_one_line(str(error))}")


def _no_tls(url: str, reason: str) -> SourceUnreachable:
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return SourceUnreachable(
            f"Prometheus at {url} has a certificate that we do not trust ({reason}): "
            "give its CA as ca_file"
        )
    return SourceUnreachable(
        f"TLS with Prometheus at {url} fails ({reason}): does it want http:// instead?"
    )


def timed_out(url: str, seconds: float) -> SourceUnreachable:
    """Explain that no answer came in time."""
    return SourceUnreachable(
        f"Prometheus at {url} did not answer within {seconds:g} s: "
        "ask for less (a shorter range, a larger step), or raise its time-out"
    )


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
        current = current.__cause__ or current.__context__ or _wrapped(current)
    return _one_line(deepest or str(error))


def _wrapped(error: BaseException) -> BaseException | None:
    """Return the exception that urllib3 carries as `reason` or as its first argument."""
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = error.args[0] if error.args else None
    return inner if isinstance(inner, BaseException) else None
