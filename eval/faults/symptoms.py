"""Symptoms as data, and how to look for them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from connectors.api.errors import SourceMissing, SourceRejected
from connectors.api.values import Json
from eval.apps.stores_api import Unsupported
from eval.faults.case import is_cluster_wide
from eval.faults.objects import pod_name, pods_of
from eval.faults.paths import ABSENT
from eval.protocols import Environment, Symptom

_WINDOW = "90s"
_LOOPS = ("CrashLoopBackOff", "Init:CrashLoopBackOff")


def status(service: str, reason: str) -> Symptom:
    """A pod of the service is, or was last, in this state: a waiting or terminated reason, a
    condition's reason, a phase, or "NotReady"."""
    return Symptom("status", service, reason)


def event(name: str, reason: str, text: str = "") -> Symptom:
    """An Event about an object of that name, or of a name made from it."""
    return Symptom("event", name, f"{reason}: {text}" if text else reason)


def log(service: str, text: str) -> Symptom:
    """A line in the log, or the previous log, of the service matches a regular expression."""
    return Symptom("log", service, text)


def obj(kind: str, name: str, field: str, value: object) -> Symptom:
    """The object's field (a dotted path; `[]` for any item) has a value; the field "" is the object."""
    return Symptom("object", f"{kind}/{name}", f"{field}={json.dumps(value)}")


def absent(kind: str, name: str) -> Symptom:
    """There is no such object."""
    return Symptom("object", f"{kind}/{name}", "absent")


def no_endpoints(service: str) -> Symptom:
    """Nothing ready is behind the Service."""
    return Symptom("endpoints", service, "none")


def errors(edge: str) -> Symptom:
    """Calls fail: on an edge "caller->callee" as the caller sees it, or at a service."""
    return Symptom("errors", edge, "up")


def slow(edge: str) -> Symptom:
    """Calls take longer."""
    return Symptom("latency", edge, "up")


def traffic(edge: str, what: str) -> Symptom:
    """More ("up") or fewer ("down") calls are made."""
    return Symptom("traffic", edge, what)


def usage(kind: Any, service: str, what: str = "up") -> Symptom:
    """The service's pods use more or less ("cpu", "memory"), or are throttled or restarted more."""
    return Symptom(kind, service, what)


async def observed(environment: Environment, symptom: Symptom, since: datetime) -> bool:
    """Whether a symptom can be seen now; a shift is one against the minutes before `since`.

    Raises `Unsupported` for a shift in an environment without metrics.
    """
    match symptom.kind:
        case "status":
            pods = await pods_of(environment, symptom.object)
            if any(symptom.what in _states(pod) for pod in pods):
                return True
            # between the end of a run and the kubelet's next look only the event tells of the back-off
            looping = Symptom(
                "event", symptom.object, "BackOff: Back-off restarting failed container"
            )
            return symptom.what in _LOOPS and await _event(environment, looping)
        case "event":
            return await _event(environment, symptom)
        case "log":
            return await _logged(environment, symptom)
        case "object":
            return await _object(environment, symptom)
        case "endpoints":
            return await _without_endpoints(environment, symptom.object)
        case _:
            return await _shifted(environment, symptom, since)


def _states(pod: Json) -> set[str]:
    status_ = pod["status"]
    found = {status_.get("phase", ""), status_.get("reason", "")}
    conditions = status_.get("conditions") or ()
    found |= {c.get("reason", "") for c in conditions}
    if any(c["type"] == "Ready" and c["status"] != "True" for c in conditions):
        found.add("NotReady")
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status_.get(field) or ():
            for when in ("state", "lastState"):
                for state, detail in (container.get(when) or {}).items():
                    reason = (detail or {}).get("reason", state)
                    found |= {reason, f"Init:{reason}" if field.startswith("init") else reason}
    return found


async def _event(environment: Environment, symptom: Symptom) -> bool:
    reason, _, text = symptom.what.partition(": ")
    pattern = pod_name(symptom.object)
    replica_set = re.compile(rf"{re.escape(symptom.object)}-[a-z0-9]+")
    # events about cluster-wide objects are in the default namespace
    for namespace in (environment.namespace, "default"):
        for found in await environment.reader.list("Event", namespace):
            about = found.get("involvedObject") or found.get("regarding") or {}
            name = str(about.get("name", ""))
            if (
                found.get("reason") == reason
                and (pattern.fullmatch(name) or replica_set.fullmatch(name))
                and text in str(found.get("message") or found.get("note") or "")
            ):
                return True
    return False


async def _logged(environment: Environment, symptom: Symptom) -> bool:
    pattern = re.compile(symptom.what)
    for pod in await pods_of(environment, symptom.object):
        spec = pod["spec"]
        for container in (*spec["containers"], *(spec.get("initContainers") or ())):
            for previous in (False, True):
                try:
                    text = await environment.reader.logs(
                        environment.namespace,
                        pod["metadata"]["name"],
                        container["name"],
                        previous=previous,
                    )
                except (SourceMissing, SourceRejected):
                    continue  # not started yet, or started only once
                if pattern.search(text):
                    return True
    return False


async def _object(environment: Environment, symptom: Symptom) -> bool:
    kind, _, name = symptom.object.partition("/")
    namespace = "" if is_cluster_wide(kind) else environment.namespace
    try:
        live = await environment.reader.get(kind, namespace, name)
    except SourceMissing:
        return symptom.what == "absent"
    field, _, value = symptom.what.partition("=")
    return bool(value) and json.loads(value) in _values(live, field.split("."))


def _values(value: Any, path: list[str]) -> list[Any]:
    if not path or path == [""]:
        return [value]
    step, rest = path[0], path[1:]
    many = step.endswith("[]")
    found = value.get(step.removesuffix("[]"), ABSENT) if isinstance(value, dict) else ABSENT
    if many:
        return [v for item in found for v in _values(item, rest)] if isinstance(found, list) else []
    return [None] if found is ABSENT else _values(found, rest)


async def _without_endpoints(environment: Environment, service: str) -> bool:
    try:
        found = await environment.reader.get("Endpoints", environment.namespace, service)
    except SourceMissing:
        return True
    return not any(subset.get("addresses") for subset in found.get("subsets") or ())


async def _shifted(environment: Environment, symptom: Symptom, since: datetime) -> bool:
    from connectors.prometheus.settings import PrometheusSettings
    from connectors.prometheus.source import PrometheusMetrics

    if not environment.prometheus_url:
        raise Unsupported(f"{environment.name} has no metrics to see a shift in")
    source = PrometheusMetrics(PrometheusSettings(environment.prometheus_url))
    now = environment.clock.now()
    try:
        before, after = [
            await _level(source, environment.namespace, symptom, at)
            for at in (since - timedelta(seconds=1), now)
        ]
    finally:
        await source.close()
    match symptom.kind, symptom.what:
        case "errors", _:
            return after > max(0.02, 2 * before)
        case "throttling", _:
            return after > max(0.1, 2 * before)
        case "restarts", _:
            return after > before
        case _, "down":
            return after < 0.6 * before
        case _:
            return after > 1.5 * before


async def _level(source: Any, namespace: str, symptom: Symptom, at: datetime) -> float:
    rows = await source.query(_expression(namespace, symptom), at)
    return float(rows[0].points[0][1]) if rows and rows[0].points else 0.0


def _expression(namespace: str, symptom: Symptom) -> str:
    caller, _, callee = symptom.object.partition("->")
    if callee:
        chosen = f'service_name="{caller}",peer_service="{callee}"'
    else:
        chosen = f'service_name="{caller}",span_kind="SPAN_KIND_SERVER"'
    calls = "traces_span_metrics_calls_total"
    milliseconds = "traces_span_metrics_duration_milliseconds"
    pods = f'namespace="{namespace}",pod=~"{caller}-[a-z0-9]+(-[a-z0-9]+)?",container!=""'
    match symptom.kind:
        case "errors":
            failed = f'{chosen},status_code="STATUS_CODE_ERROR"'
            part = f"sum(rate({calls}{{{failed}}}[{_WINDOW}]))"
            return f"{part} / sum(rate({calls}{{{chosen}}}[{_WINDOW}]))"
        case "latency":
            part = f"sum(rate({milliseconds}_sum{{{chosen}}}[{_WINDOW}]))"
            return f"{part} / sum(rate({milliseconds}_count{{{chosen}}}[{_WINDOW}]))"
        case "traffic":
            return f"sum(rate({calls}{{{chosen}}}[{_WINDOW}]))"
        case "cpu":
            return f"sum(rate(container_cpu_usage_seconds_total{{{pods}}}[{_WINDOW}]))"
        case "memory":
            return f"sum(container_memory_working_set_bytes{{{pods}}})"
        case "throttling":
            part = f"sum(rate(container_cpu_cfs_throttled_periods_total{{{pods}}}[{_WINDOW}]))"
            return f"{part} / sum(rate(container_cpu_cfs_periods_total{{{pods}}}[{_WINDOW}]))"
        case _:
            return f"sum(kube_pod_container_status_restarts_total{{{pods}}})"
