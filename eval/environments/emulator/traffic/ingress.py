"""The way of the users' requests into the app: through its Ingress, where it has one."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from connectors.api.values import Json
from eval.apps.model import App, Call
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.failures import Failure


class Front:
    """Routes users' requests as an Ingress controller does."""

    def __init__(self, app: App, cluster: ClusterState) -> None:
        self._app = app
        self._cluster = cluster
        self._expiry: dict[str, datetime | None] = {}
        self._calls: dict[tuple[str, str], Call] = {}

    def route(self, operation: str, now: datetime) -> tuple[Call, Failure | None]:
        """Return the call that a request becomes, and why it does not even become one."""
        entry = self._call(self._app.entry, operation)
        if not self._app.ingresses:
            return entry, None
        path = operation.rpartition(" ")[2]
        best: tuple[int, Json, str] | None = None
        for item in self._cluster.objects("Ingress", self._app.namespace):
            for prefix, backend in _paths(item):
                fits = path == prefix or path.startswith(prefix.rstrip("/") + "/")
                if fits and (best is None or len(prefix) > best[0]):
                    best = len(prefix), item, backend
        if best is None:
            return entry, _answer(entry, "404 Not Found")
        _, item, backend = best
        expired = self._expired(item, now)
        if expired:
            return entry, Failure("bad_certificate", entry.to, 443, detail=expired)
        if backend not in self._app.services:
            return entry, _answer(entry, "503 Service Temporarily Unavailable")
        return self._call(backend, operation), None

    def _call(self, service: str, operation: str) -> Call:
        """The one call of this kind: what is known of it is found by it."""
        found = self._calls.get((service, operation))
        if found is None:
            found = self._calls[service, operation] = Call(service, operation)
        return found

    def _expired(self, ingress: Json, now: datetime) -> str:
        """Why a client does not trust the Ingress's certificate, "" when it does."""
        for tls in ingress.get("spec", {}).get("tls") or ():
            for secret in self._cluster.objects("Secret", self._app.namespace):
                if secret["metadata"]["name"] == tls.get("secretName"):
                    end = self._end((secret.get("data") or {}).get("tls.crt", ""))
                    if end is not None and now > end:
                        return (
                            "x509: certificate has expired or is not yet valid: current time "
                            f"{now:%Y-%m-%dT%H:%M:%SZ} is after {end:%Y-%m-%dT%H:%M:%SZ}"
                        )
        return ""

    def _end(self, encoded: str) -> datetime | None:
        if encoded not in self._expiry:
            self._expiry[encoded] = _not_after(encoded)
        return self._expiry[encoded]


def _paths(ingress: Json) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for rule in ingress.get("spec", {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            backend = path.get("backend") or {}
            name = (backend.get("service") or {}).get("name") or backend.get("serviceName") or ""
            found.append((str(path.get("path") or "/"), str(name)))
    return found


def _answer(call: Call, detail: str) -> Failure:
    return Failure("answered", call.to, 80, detail=detail)


def _not_after(encoded: str) -> datetime | None:
    """The end of a certificate's validity; None for what is no certificate."""
    # parsing certificates is for the few apps with one
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(base64.b64decode(encoded))
    except (ValueError, binascii.Error):
        return None
    return certificate.not_valid_after_utc
