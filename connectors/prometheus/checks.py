"""What `doctor` says about a Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceUnreachable,
)
from connectors.api.values import Check, Series

_KUBE_STATE = ("kube_pod_info", "kube_pod_status_phase", "kube_deployment_status_replicas")
_CADVISOR = (
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "container_memory_usage_bytes",
)
_REQUESTS = re.compile(
    r"(http|grpc|rpc|request|nginx_ingress|envoy|traefik|istio|linkerd).*"
    r"(requests?|responses?|duration|latency|handled|seconds|milliseconds).*(_total|_count|_bucket)"
    # what the OpenTelemetry collector counts of spans, under its several prefixes
    r"|(traces_)?(span_?metrics_)?calls_total$"
)
# requests to the platform itself say nothing about an app's users
_PLATFORM = re.compile(
    r"(prometheus|promhttp|apiserver|kubelet|kubeproxy|scheduler|rest_client|workqueue|etcd|"
    r"alertmanager|grafana|coredns|aggregator|authentication|authorization|net_conntrack|loki|"
    r"cortex|thanos|authenticated|storage_operation|go|process)_"
)


class Examined(Protocol):
    """What a check asks of the source."""

    async def version(self) -> str:
        """Return the server's version."""
        ...

    async def series_count(self) -> str:
        """Return the number of series."""
        ...

    async def metric_names(self) -> list[str]:
        """Return all metric names."""
        ...

    async def query_now(self, expression: str) -> list[Series]:
        """Evaluate at the server's present."""
        ...

    @property
    def name(self) -> str:
        """The source's name."""
        ...


async def examine(source: Examined) -> list[Check]:
    """Check the server, its targets, and the three kinds of metrics that a diagnosis lives on."""
    try:
        await source.query_now("vector(1)")
    except ConnectorError as error:
        return [Check("prometheus", False, str(error), _repair(error))]
    rows = [Check("prometheus", True, f"{source.name}, version {await _version(source)}")]
    try:
        rows.append(await _targets(source))
        names = await source.metric_names()
        rows += [
            await _metrics(
                source,
                "kube-state-metrics",
                [name for name in _KUBE_STATE if name in names],
                "install kube-state-metrics and have Prometheus scrape it",
            ),
            await _metrics(
                source,
                "container metrics (cAdvisor)",
                [name for name in _CADVISOR if name in names],
                "have Prometheus scrape the kubelets' /metrics/cadvisor",
            ),
            await _metrics(
                source,
                "request metrics",
                request_metrics(names),
                "have the services, the ingress or the mesh export request counts and durations, "
                "and have Prometheus scrape them",
            ),
        ]
    except ConnectorError as error:
        rows.append(Check("prometheus queries", False, str(error), _repair(error)))
    return rows


def request_metrics(names: Iterable[str]) -> list[str]:
    """Return the names that look like counts or durations of an app's requests."""
    return [name for name in names if _REQUESTS.match(name) and not _PLATFORM.match(name)]


async def _version(source: Examined) -> str:
    """Return the version; what only speaks the query API (Thanos, Mimir) may not tell."""
    try:
        return await source.version() or "unknown"
    except ConnectorError:
        return "unknown"


async def _targets(source: Examined) -> Check:
    total, up = await _number(source, "count(up)"), await _number(source, "sum(up)")
    try:
        series = await source.series_count()
    except ConnectorError:
        series = ""
    counted = f", {series} series" if series else ""
    detail = f"{up:g} of {total:g} targets are up{counted}"
    if not total:
        return Check("targets", False, detail, "add scrape jobs: no target is being scraped")
    if not up:
        return Check("targets", False, detail, "see Status > Targets in Prometheus for the errors")
    return Check("targets", True, detail)


async def _metrics(source: Examined, what: str, names: list[str], repair: str) -> Check:
    """Check that at least one of the metrics has a value now, not only in the past."""
    pattern = "|".join(names[:20])
    count = await _number(source, f'count({{__name__=~"{pattern}"}})') if names else 0.0
    if not count:
        seen = "no longer scraped" if names else "not there"
        return Check(what, False, seen, repair)
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return Check(what, True, f"{count:g} series ({shown})")


async def _number(source: Examined, expression: str) -> float:
    """Return the value of an expression with one series, 0 when it has none."""
    series = await source.query_now(expression)
    return series[0].points[0][1] if series else 0.0


def _repair(error: ConnectorError) -> str:
    match error:
        case SourceForbidden():
            return "set a bearer token, or a user name and password, that may query"
        case SourceMissing():
            return "set the URL with the path under which Prometheus is served"
        case SourceUnreachable():
            return "check the URL; from outside the cluster: kubectl port-forward to Prometheus"
        case _:
            return "check that the URL is Prometheus' own"
