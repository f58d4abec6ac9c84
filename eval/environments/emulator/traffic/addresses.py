"""Where a program dials: what the text in its configuration means."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_URL = re.compile(r"^[a-z][a-z0-9+.\-:]*://", re.IGNORECASE)
_PAIR = re.compile(r"(?:^|[;\s])(host|server|data source|port)\s*=\s*([^;\s]+)", re.IGNORECASE)
_IP = re.compile(r"^\d{1,3}(\.\d{1,3}){3}$")
_SCHEMES = {"http": 80, "https": 443}
_NUMBER = re.compile(r"^-?\d+$")


class Address(NamedTuple):
    """A host (a name or an IP) and a port."""

    host: str
    port: int

    @property
    def is_ip(self) -> bool:
        """Whether no name has to be looked up."""
        return bool(_IP.match(self.host))


@lru_cache(maxsize=4096)
def parse(text: str, host: str, port: int) -> Address:
    """Read "host", "host:port", a URL, or key=value pairs (a DSN); what is missing is the default.

    Of several hosts separated by commas the first one counts.
    """
    text = text.strip().strip("\"'")
    if not text:
        return Address(host, port)
    if _NUMBER.match(text):
        return Address(host, int(text))
    pairs = {key.lower(): value for key, value in _PAIR.findall(text)}
    named = pairs.get("host") or pairs.get("server") or pairs.get("data source")
    if named:
        found = _split(named.split(",")[0], port)
        return Address(found.host, _number(pairs.get("port", ""), found.port))
    scheme = _URL.match(text)
    if scheme:
        name = scheme.group().split("://")[0].rsplit(":", 1)[-1].lower()
        rest = re.split(r"[/?#]", text[scheme.end() :], maxsplit=1)[0]
        return _split(rest.rpartition("@")[2].split(",")[0], _SCHEMES.get(name, port))
    # database/sql's MySQL form: user:password@tcp(host:port)/database
    inner = re.search(r"\(([^)]+)\)", text)
    if inner:
        return _split(inner.group(1), port)
    return _split(text.split(",")[0].split("/")[0], port)


def service_name(host: str, namespace: str) -> tuple[str, str] | None:
    """Return the (namespace, Service) that a cluster-internal name stands for; None: another name."""
    labels = host.rstrip(".").split(".")
    if len(labels) == 1:
        return namespace, labels[0]
    if len(labels) == 2 or labels[2:] in (["svc"], ["svc", "cluster", "local"]):
        return labels[1], labels[0]
    return None


def _split(text: str, port: int) -> Address:
    host, colon, number = text.rpartition(":")
    if not colon:
        return Address(text, port)
    return Address(host, _number(number, port))


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() and int(text) < 65536 else default
