"""Turns what can go wrong on the way to an API server into one clear line."""

from __future__ import annotations

import json
import os
import ssl

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)

_LONGEST = 400


class PageExpired(SourceRejected):
    """The token for the next page of a list is too old (410): the list must start again."""


def of_status(server: str, task: str, status: int, body: bytes) -> ConnectorError:
    """Return the error for an answer that is not 2xx; `task` reads like "list Pod in shop"."""
    reason = _reason(body)
    where = f"kubernetes {server}: cannot {task}"
    if status == 401:
        return SourceForbidden(
            f"{where}: 401, the credentials are not accepted"
            " (expired or of another cluster; renew the kubeconfig's login)"
        )
    if status == 403:
        return SourceForbidden(f"{where}: 403 forbidden{_after(reason)}")
    if status == 404:
        return SourceMissing(f"{where}: 404 not found{_after(reason)}")
    if status == 409:
        return SourceRejected(f"{where}: 409 conflict{_after(reason)}")
    if status == 410:
        return PageExpired(f"{where}: 410 gone{_after(reason)}")
    if status == 422:
        return SourceRejected(f"{where}: 422 invalid{_after(reason)}")
    if status == 429:
        return SourceUnreachable(f"{where}: 429, the server is asking us to slow down")
    if status >= 500:
        return SourceUnreachable(f"{where}: the server failed with {status}{_after(reason)}")
    return SourceRejected(f"{where}: {status}{_after(reason)}")


def of_exception(server: str, task: str, seconds: float, error: BaseException) -> ConnectorError:
    """Return the error for a request that got no whole answer."""
    where = f"kubernetes {server}: cannot {task}"
    cause = _tls(error)
    if cause is not None:
        return SourceUnreachable(
            f"{where}: TLS failed ({cause.verify_message or cause.reason})"
            if isinstance(cause, ssl.SSLCertVerificationError)
            else f"{where}: TLS failed ({cause.reason or cause})"
        )
    if isinstance(error, TimeoutError):
        return SourceUnreachable(f"{where}: no answer within {seconds:g} s")
    if "Payload" in type(error).__name__ or "Disconnected" in type(error).__name__:
        return SourceUnreachable(f"{where}: the connection was cut before the answer was complete")
    return SourceUnreachable(f"{where}: {_short(_plain(error))}")


def of_body(server: str, task: str) -> ConnectorError:
    """Return the error for an answer that is not the JSON a Kubernetes API gives."""
    return SourceUnreachable(
        f"kubernetes {server}: cannot {task}: the answer is not JSON"
        " (is this address a Kubernetes API server, or a proxy's login page?)"
    )


def _reason(body: bytes) -> str:
    try:
        status = json.loads(body)
    except ValueError:
        return _short(body.decode("utf-8", "replace"))
    message = status.get("message", "") if isinstance(status, dict) else ""
    return _short(str(message))


def _plain(error: BaseException) -> str:
    detail = getattr(error, "os_error", None) or error
    number = getattr(detail, "errno", None)
    # Name resolution has negative numbers of its own.
    if isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    return str(getattr(detail, "strerror", None) or detail) or type(detail).__name__


def _after(reason: str) -> str:
    return f": {reason}" if reason else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _tls(error: BaseException) -> ssl.SSLError | None:
    """Find a TLS failure in `error` itself or in what it wraps."""
    for candidate in (error, getattr(error, "os_error", None), error.__cause__):
        certificate = getattr(candidate, "certificate_error", candidate)
        if isinstance(certificate, ssl.SSLError):
            return certificate
    return None
