"""How to reach a Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """Address, credentials and limits. Raises `ValueError` with one clear line for bad ones.

    `url` may have a path prefix (https://host/prometheus) and a user and password, which are
    moved into `username` and `password`. `token_file` is read anew for each request, because
    service account tokens rotate. `headers` are sent as they are (a tenant, for example).
    `timeout` and `connect_timeout` are seconds; `concurrency` bounds the requests in flight.
    """

    url: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    verify_tls: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 20.0
    connect_timeout: float = 5.0
    concurrency: int = 6

    def __post_init__(self) -> None:
        parts = urlsplit(self.url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            # the text may hold a password: only show it when it cannot
            shown = "" if "@" in self.url else f" {self.url!r}"
            raise ValueError(
                f"the Prometheus URL{shown} is not one: write it as http://host:9090 "
                "or https://host/prefix"
            )
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        object.__setattr__(self, "username", self.username or username)
        object.__setattr__(self, "password", self.password or password)
        host = parts.netloc.rpartition("@")[2]
        path = parts.path.rstrip("/").removesuffix("/api/v1").removesuffix("/graph").rstrip("/")
        object.__setattr__(self, "url", urlunsplit((parts.scheme, host, path, "", "")))
        if bool(self.token or self.token_file) and self.username:
            raise ValueError("give Prometheus either a bearer token or a user name, not both")
        if self.timeout <= 0 or self.connect_timeout <= 0:
            raise ValueError("Prometheus time-outs must be more than 0 seconds")
        if self.concurrency < 1:
            raise ValueError("Prometheus needs a concurrency of at least 1")
        for file, what in ((self.ca_file, "CA file"), (self.token_file, "token file")):
            if file and not Path(file).is_file():
                raise ValueError(f"the Prometheus {what} {file} does not exist")
