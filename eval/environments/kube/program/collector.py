"""The app's tracing service: takes spans as OTLP's JSON, answers Jaeger's query API."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from eval.environments.kube.program.wire import Message, Peer

_TRACES = 5000
_UNITS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


class Collector:
    """Keeps the newest traces in memory."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()

    def take(self, body: bytes) -> None:
        """Keep a batch of spans."""
        for group in json.loads(body)["resourceSpans"]:
            process = _values(group["resource"]["attributes"])
            for scope in group["scopeSpans"]:
                for span in scope["spans"]:
                    self._traces.setdefault(span["traceId"], []).append(_span(span, process))
        while len(self._traces) > _TRACES:
            self._traces.popitem(last=False)

    async def answer(self, message: Message, peer: Peer) -> Message:
        """Answer Jaeger's query API."""
        parts = urlsplit(message.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        if steps[0] != "api":
            return Message(body=b"")
        match steps[1:]:
            case ["services"]:
                return _data(sorted({s["service"] for t in self._traces.values() for s in t}))
            case ["services", service, "operations"]:
                return _data(self._operations(service))
            case ["operations"]:
                names = self._operations(query.get("service", ""))
                return _data([{"name": name, "spanKind": ""} for name in names])
            case ["traces"]:
                return _data([_document(key, spans) for key, spans in self._search(query)])
            case ["traces", key]:
                found = self._traces.get(key)
                if found is None:
                    error = {"code": 404, "msg": "trace not found"}
                    body = {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [error]}
                    return Message(status=404, body=json.dumps(body).encode())
                return _data([_document(key, found)])
            case ["dependencies"]:
                return _data(self._dependencies(query))
        return Message(status=404, body=b"404 page not found\n")

    def _operations(self, service: str) -> list[str]:
        spans = (s for t in self._traces.values() for s in t if s["service"] == service)
        return sorted({span["operationName"] for span in spans})

    def _search(self, query: dict[str, str]) -> list[tuple[str, list[dict[str, Any]]]]:
        limit = int(query.get("limit", 20))
        since = float(query.get("start", 0))
        until = float(query.get("end", 1e18))
        tags = {k: str(v).lower() for k, v in json.loads(query.get("tags", "{}")).items()}
        least, most = _micros(query.get("minDuration")), _micros(query.get("maxDuration"))
        found: list[tuple[str, list[dict[str, Any]]]] = []
        for key, spans in reversed(self._traces.items()):
            if len(found) >= limit:
                break
            if any(
                span["service"] == query.get("service")
                and query.get("operation", span["operationName"]) == span["operationName"]
                and since <= span["startTime"] <= until
                and (least is None or span["duration"] >= least)
                and (most is None or span["duration"] <= most)
                and tags.items()
                <= {t["key"]: str(t["value"]).lower() for t in span["tags"]}.items()
                for span in spans
            ):
                found.append((key, spans))
        return found

    def _dependencies(self, query: dict[str, str]) -> list[dict[str, Any]]:
        end = float(query.get("endTs", time.time() * 1000)) * 1000
        since = end - float(query.get("lookback", 86_400_000)) * 1000
        counts: dict[tuple[str, str], int] = {}
        for spans in self._traces.values():
            by_id = {span["spanID"]: span for span in spans}
            for span in spans:
                parent = by_id.get(span["parent"])
                if parent and since <= span["startTime"] <= end:
                    edge = parent["service"], span["service"]
                    if edge[0] != edge[1]:
                        counts[edge] = counts.get(edge, 0) + 1
        return [{"parent": a, "child": b, "callCount": n} for (a, b), n in counts.items()]


def _span(span: dict[str, Any], process: dict[str, str]) -> dict[str, Any]:
    start = int(span["startTimeUnixNano"]) // 1000
    values: dict[str, Any] = _values(span["attributes"])
    values["span.kind"] = "client" if span["kind"] == 3 else "server"
    if "status" in span:
        values |= {"error": True, "otel.status_code": "ERROR", "otel.status_description": span["status"]["message"]}  # fmt: skip
    return {
        "spanID": span["spanId"],
        "parent": span.get("parentSpanId", ""),
        "operationName": span["name"],
        "startTime": start,
        "duration": int(span["endTimeUnixNano"]) // 1000 - start,
        "tags": [_tag(key, value) for key, value in values.items()],
        "service": process["service.name"],
        "process": [_tag(k, v) for k, v in process.items() if k != "service.name"],
    }


def _document(key: str, spans: list[dict[str, Any]]) -> dict[str, Any]:
    processes: dict[str, Any] = {}
    names: dict[str, str] = {}
    shown = []
    for span in spans:
        identity = json.dumps([span["service"], span["process"]])
        name = names.setdefault(identity, f"p{len(names) + 1}")
        processes[name] = {"serviceName": span["service"], "tags": span["process"]}
        parent = span["parent"]
        reference = {"refType": "CHILD_OF", "traceID": key, "spanID": parent}
        shown.append(
            {
                "traceID": key,
                "spanID": span["spanID"],
                "operationName": span["operationName"],
                "references": [reference] if parent else [],
                "startTime": span["startTime"],
                "duration": span["duration"],
                "tags": span["tags"],
                "logs": [],
                "processID": name,
                "warnings": None,
            }
        )
    return {"traceID": key, "spans": shown, "processes": processes, "warnings": None}


def _data(data: list[Any]) -> Message:
    body = {"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None}
    kind = {"content-type": "application/json"}
    return Message(headers=kind, body=json.dumps(body).encode())


def _tag(key: str, value: Any) -> dict[str, Any]:
    kind = "bool" if isinstance(value, bool) else "string"
    return {"key": key, "type": kind, "value": value}


def _values(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {item["key"]: item["value"]["stringValue"] for item in attributes}


def _micros(text: str | None) -> float | None:
    match = re.fullmatch(r"([\d.]+)(ns|us|ms|s)", text or "")
    return float(match[1]) * _UNITS[match[2]] if match else None
