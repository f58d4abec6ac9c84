"""Addresses of other services, as they are written in configuration and in logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]*)://(?:[^/@\s\"'<>]*@)?"
    r"([A-Za-z0-9_.-]+(?::\d+)?(?:,[A-Za-z0-9_.-]+(?::\d+)?)*)",
    re.I,
)
_HOST_PORT = re.compile(
    r"(?<![\w./@:-])([A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\d+\.\d+\.\d+\.\d+):(\d{2,5})(?![\w.-]|:\S)"
)
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$")
_IP = re.compile(r"\d+\.\d+\.\d+\.\d+$")
_ADDRESS_KEY = re.compile(
    r"(^|_|\.|-)(HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|ENDPOINT|SERVER|UPSTREAM|BROKERS?|DSN|TARGET)S?$",
    re.I,
)
_DEFAULT_PORTS = {
    "http": 80, "https": 443, "redis": 6379, "mongodb": 27017, "postgres": 5432,
    "postgresql": 5432, "mysql": 3306, "amqp": 5672, "nats": 4222, "memcached": 11211,
}  # fmt: skip
LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})


@dataclass(frozen=True, slots=True)
class Address:
    """A host and, where written, a port. `sure` is False for a bare name that may be anything."""

    host: str
    port: int | None
    sure: bool = True

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IPv4 address."""
        return _IP.match(self.host) is not None


def addresses(text: str) -> list[Address]:
    """Return the URLs and host:port pairs in a text, without local ones."""
    found: dict[tuple[str, int | None], Address] = {}
    rest = text
    for match in _URL.finditer(text):
        scheme, hosts = match.group(1).lower(), match.group(2)
        rest = rest.replace(match.group(0), " ")
        if scheme in ("file", "unix", "oci", "docker"):
            continue
        for item in hosts.split(","):
            host, _, port = item.partition(":")
            number = int(port) if port else _DEFAULT_PORTS.get(scheme)
            _keep(found, host, number)
    for match in _HOST_PORT.finditer(rest):
        _keep(found, match.group(1), int(match.group(2)))
    return list(found.values())


def _keep(found: dict[tuple[str, int | None], Address], host: str, port: int | None) -> None:
    host = host.rstrip(".").lower()
    if host and host not in LOCAL and (port is None or 0 < port < 65536):
        found.setdefault((host, port), Address(host, port))


def configured(key: str, value: str, others: Mapping[str, str]) -> list[Address]:
    """Return the addresses in one setting; `others` are the settings beside it.

    A bare name counts when its key says that it is an address; its port is then looked for in
    the neighbouring setting (X_HOST beside X_PORT).
    """
    found = addresses(value)
    bare = value.strip()
    if found or not _ADDRESS_KEY.search(key) or not _NAME.match(bare) or bare in LOCAL:
        return found
    stem = _ADDRESS_KEY.sub("", key)
    port = next(
        (others[k] for k in (f"{stem}_PORT", f"{stem}.port", f"{key}_PORT") if k in others), ""
    )
    return [Address(bare.rstrip("."), int(port) if port.isdigit() else None, sure=port.isdigit())]
