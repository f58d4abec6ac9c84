"""The tags that instrumentation sets on spans (OpenTelemetry's semantic conventions)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from eval.apps.model import Call, Operation, Service
from eval.environments.emulator.traffic.failures import Failure

Tag = str | int | float | bool

_GRPC = re.compile(r"^/?(?P<service>[\w.]+\.\w+|\w+Service)/(?P<method>\w+)$")
_HTTP = re.compile(r"^(?:HTTP )?(?P<method>GET|POST|PUT|PATCH|DELETE|HEAD)?\s*(?P<path>/\S*)$")
_GRPC_CODES = re.compile(r"code = (\w+)")
_NUMBERS = {
    "Canceled": 1, "Unknown": 2, "InvalidArgument": 3, "DeadlineExceeded": 4, "NotFound": 5,
    "PermissionDenied": 7, "ResourceExhausted": 8, "FailedPrecondition": 9, "Unimplemented": 12,
    "Internal": 13, "Unavailable": 14, "Unauthenticated": 16,
}  # fmt: skip
_STATUS = re.compile(r"\b([45]\d\d)\b")


def server_tags(
    program: Service, operation: Operation, failure: Failure | None
) -> Mapping[str, Tag]:
    """Return the tags of a server span."""
    return _tags("server", operation.span_name, operation.name, "", failure)


def client_tags(
    program: Service, target: Service, call: Call, failure: Failure | None
) -> Mapping[str, Tag]:
    """Return the tags of a client (or producer) span."""
    engine = target.store.engine if target.store else ""
    kind = "producer" if call.topic else "client"
    known = target.operations.get(call.operation)
    name = call.topic or (known.span_name if known else call.operation)
    return _tags(kind, name, call.operation, engine, failure, target.name)


@lru_cache(maxsize=4096)
def _tags(
    kind: str, name: str, operation: str, engine: str, failure: Failure | None, peer: str = ""
) -> Mapping[str, Tag]:
    """Equal spans share their tags, so that thousands of them cost little."""
    tags: dict[str, Tag] = {"span.kind": kind}
    grpc, http = _GRPC.match(operation), _HTTP.match(name) or _HTTP.match(operation)
    if kind == "producer":
        tags |= {"messaging.system": engine, "messaging.destination.name": name}
    elif engine:
        tags |= {"db.system": engine, "db.operation": operation}
    elif grpc:
        code = _grpc_code(failure) if failure else 0
        tags |= {
            "rpc.system": "grpc",
            "rpc.service": grpc["service"],
            "rpc.method": grpc["method"],
            "rpc.grpc.status_code": code,
        }
    elif http:
        status = _http_status(failure, kind) if failure else 200
        method = http["method"] or ("POST" if "compose" in name else "GET")
        tags |= {"http.method": method, "http.target": http["path"]}
        if status:
            tags["http.status_code"] = status
    else:
        tags["component"] = "thrift"
    if peer:
        tags["net.peer.name" if not engine else "peer.service"] = peer
    if failure is not None:
        tags |= {"error": True, "otel.status_code": "ERROR"}
        said = failure.detail if failure.kind == "answered" else ""
        tags["otel.status_description"] = said or failure.kind.replace("_", " ")
    return tags


def _grpc_code(failure: Failure) -> int:
    found = _GRPC_CODES.search(failure.detail)
    if found and found.group(1) in _NUMBERS:
        return _NUMBERS[found.group(1)]
    return {"timeout": 4, "exhausted": 8, "answered": 2, "denied": 2}.get(failure.kind, 14)


def _http_status(failure: Failure, kind: str) -> int:
    """A server that fails answers 500; a client without an answer has no status."""
    if kind == "server":
        found = _STATUS.search(failure.detail) if failure.detail.startswith("4") else None
        return int(found.group(1)) if found else 500
    if failure.kind != "answered":
        return 0
    found = _STATUS.match(failure.detail)
    return int(found.group(1)) if found else 500
