"""How a store was told to behave: TLS, connections, memory; and how its clients log in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig
from copilot.evidence.repairs.common import BACK, POD, READY, Facts, Row, peers
from copilot.evidence.repairs.running import stale
from copilot.evidence.repairs.secrets import edited
from copilot.evidence.repairs.sizing import memory
from copilot.model.action import Risk, SetField
from copilot.model.scope import ObjectRef

_TLS = re.compile(
    r"\brequire(TLS|SSL)\b|(?<=require_secure_transport=)(?:ON|on|1)\b|(?<=\bssl=)on\b"
)
_CONNECTIONS = re.compile(
    r"(max_connections[= ]|max-connections[= ]|maxclients[ =]|maxConns[= ]|maxIncomingConnections[= ])(\d+)",
    re.I,
)
_FLAG = re.compile(r"-{1,2}(max[_-]?connections|maxclients|maxConns|maxIncomingConnections)$", re.I)
_MEMORY = re.compile(r"-{1,2}(maxmemory|memory-limit|m)$")
_SIZE = re.compile(r"(\d+)([a-zA-Z]*)")
_SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN", re.I)
_ENOUGH = 100


def tls(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let a store that demands TLS serve clients without it too, as it did before."""
    yield from _told(case, ref, lambda text, _: _TLS.sub(_softer, text), "demand TLS of no client")


def _softer(match: re.Match[str]) -> str:
    return {"requireTLS": "preferTLS", "requireSSL": "preferSSL"}.get(match[0], "off")


def connections(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Raise the limit of connections that a store was started with."""

    def more(text: str, before: str) -> str:
        if _FLAG.search(before) and text.isdigit():
            return str(max(4 * int(text), _ENOUGH))
        return _CONNECTIONS.sub(lambda m: f"{m[1]}{max(4 * int(m[2]), _ENOUGH)}", text)

    yield from _told(case, ref, more, "accept more connections")


def full(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Give a store that is full more memory: the bound that it was started with, else its container's."""

    def more(text: str, before: str) -> str:
        size = _SIZE.fullmatch(text) if _MEMORY.search(before) else None
        return f"{4 * int(size[1])}{size[2]}" if size else text

    rows = list(_told(case, ref, more, "use more memory"))
    yield from rows
    if not rows:
        yield from memory(case, ref, facts)


def _told(case: Case, ref: ObjectRef, change: object, what: str) -> Iterator[Row]:
    assert callable(change)
    for index, container in enumerate(containers(case.snapshot.spec(ref))):
        for part in ("args", "command"):
            words = [str(word) for word in container.get(part) or []]
            right = [change(w, words[n - 1] if n else "") for n, w in enumerate(words)]
            if right != words:
                yield (
                    f"Let {ref.kind} {ref.name} {what}",
                    SetField(ref, f"{POD}/containers/{index}/{part}", json.dumps(right)),
                    Risk.MEDIUM,
                    BACK,
                    READY,
                )


def password(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Take a password from where the others of that store take it; else read the Secret again."""
    rows = [*_as_others(case, ref)]
    yield from rows
    secret = edited(case, ref)
    if not rows and not (secret and secret.reread):
        yield from stale(case, ref, facts)


def _as_others(case: Case, ref: ObjectRef) -> Iterator[Row]:
    """A secret variable that does not name the Secret which all others with that variable name."""
    for number, container in enumerate(containers(case.snapshot.spec(ref))):
        for index, item in enumerate(container.get("env") or []):
            name = str(item.get("name", ""))
            if not _SECRET.search(name):
                continue
            source = _source(case, ref, name)
            if source and item.get("valueFrom") != source:
                secret = dig(source, "secretKeyRef.name")
                yield (
                    f"Let {ref.name} take {name} from Secret {secret}, as its store does",
                    SetField(ref, f"{POD}/containers/{number}/env/{index}",
                             json.dumps({"name": name, "valueFrom": source}, sort_keys=True)),
                    Risk.MEDIUM,
                    BACK,
                    "It logs in.",
                )  # fmt: skip


def _source(case: Case, ref: ObjectRef, name: str) -> Json | None:
    """Return the one Secret's key that others of its dependencies or neighbours take it from."""
    called = {
        backing
        for callee in case.topology.callees(ref)
        for backing in ((callee,) if callee.kind != "Service" else case.snapshot.backing(callee))
    }
    found: dict[str, Json] = {}
    near: dict[str, Json] = {}
    for owner, peer in peers(case, ref):
        for item in peer.get("env") or []:
            chosen = dig(item, "valueFrom.secretKeyRef")
            if not chosen or not _SECRET.search(str(item.get("name", ""))):
                continue
            source = {"secretKeyRef": {k: chosen[k] for k in ("name", "key") if k in chosen}}
            key = json.dumps(source, sort_keys=True)
            if item.get("name") == name:
                found[key] = source
            if owner in called and "ROOT" not in str(item.get("name")):
                near[key] = source
    for some in (found, near):
        if len(some) == 1:
            return next(iter(some.values()))
    return None
