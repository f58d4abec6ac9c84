"""Why a call did not succeed, as the network or the callee would have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "no_such_host",
    "dns_failure",
    "dns_timeout",
    "refused",
    "unreachable",
    "no_address",
    "no_socket",
    "exhausted",
    "too_many",
    "tls_required",
    "bad_certificate",
    "unauthenticated",
    "timeout",
    "reset",
    "denied",
    "answered",
]
"""What went wrong:

no_such_host     the name does not exist (NXDOMAIN)
dns_failure      the name server answers with a failure (SERVFAIL)
dns_timeout      no name server answers
refused          the address refuses the connection, or its queue is full
unreachable      nothing answers the connection attempt: dropped packets, an address that nobody has
no_address       the app's registry knows no instance
no_socket        the caller itself can open no socket; `detail` is the operating system's text
exhausted        the caller's own pool has no connection to give
too_many         the store has as many connections as it takes
tls_required     the store serves only clients with TLS
bad_certificate  the other side's certificate does not hold; `detail` says why
unauthenticated  the store refuses the login; `detail` is `NO_USER` where it has no such user
timeout          a connection stood, and no answer came within `after_ms`
reset            the other side closed the connection
denied           the store refuses the command in `detail`
answered         the other side answered with the error in `detail`
"""

NO_USER = "no such user"

_ON_A_CONNECTION = frozenset({"answered", "denied", "timeout", "reset"})
_COSTS_MS = {
    "no_such_host": 2.4,
    "dns_failure": 4.0,
    "dns_timeout": 10_000.0,
    "unreachable": 10_000.0,
    "no_address": 0.05,
    "no_socket": 0.05,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason for a failed call.

    `service` is the host as the caller names it, `address` the IP that was dialled, `detail` what the
    other side said: the answered error, or the refused command. `engine` names the store's kind, ""
    for a service; `user` the login's. `after_ms` is the limit that the caller waited for, where time ran out. It is `rejected` where kube-proxy refuses for a Service without backends.
    """

    kind: Kind
    service: str
    port: int
    address: str = ""
    detail: str = ""
    engine: str = ""
    database: str = ""
    user: str = ""
    after_ms: float = 0.0
    rejected: bool = False

    @property
    def connected(self) -> bool:
        """Whether a connection stood, so that the failure happened on it."""
        return self.kind in _ON_A_CONNECTION

    @property
    def cost_ms(self) -> float:
        """How long the caller waits for it, beyond what the callee itself took."""
        return self.after_ms or _COSTS_MS.get(self.kind, 0.6)
