"""Metrics of queues and of the workers behind them, brought to one form: meters.

Sources: the exporters of RabbitMQ, Kafka, NATS, Pulsar, ActiveMQ, SQS, Celery, Sidekiq, BullMQ, Redis
lists, Temporal and Airflow, and the counters that workers commonly keep of what they did.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from connectors.api.values import Series
from copilot.evidence.request_labels import NOBODY, SERVERS, Owners, short
from copilot.evidence.telemetry import Meter, Points

_KINDS: dict[str, tuple[str, ...]] = {
    "backlog": (
        "rabbitmq_(?:detailed_)?queue_messages(?:_ready)?",
        "kafka_consumer_?group(?:_group)?_(?:lag|lag_sum|max_lag)",
        "kafka_(?:lag_exporter_)?group_(?:topic_)?(?:sum_)?lag",
        "kafka_burrow_(?:partition|total)_lag",
        "kafka_consumer_(?:fetch_manager_)?(?:metrics_)?records_lag(?:_max)?",
        "(?:nats_|jetstream_|nats_jetstream_)consumer_num_pending",
        "celery_queue_length", "sidekiq_queue_(?:size|backlog|enqueued_jobs)", "sidekiq_enqueued_jobs",
        "bull(?:mq)?_(?:queue_)?(?:jobs_)?(?:waiting|wait)(?:_total)?",
        "(?:aws_)?sqs_approximate_?number_?of_?messages(?:_?visible)?(?:_average|_sum|_maximum)?",
        "aws_sqs_messages_visible", "pulsar_(?:subscription_back_log(?:_no_delayed)?|msg_backlog)",
        "redis_(?:key_size|list_length)", "activemq_queue_(?:size|queuesize)",
        "org_apache_activemq_(?:artemis_)?[Bb]roker_[Qq]ueue_?[Ss]ize", "artemis_message_count",
        "temporal_(?:approximate_backlog_count|task_queue_depth)", "approximate_backlog_count",
        "airflow_(?:executor_queued_tasks|pool_queued_slots)", "nsq_(?:topic|channel)_depth",
        "rq_jobs_queued", "resque_jobs_pending", "job_queue_(?:length|depth|size)",
        "(?:[a-z0-9]+_)?(?:message|messages|task|tasks|job|jobs|work)_queue_(?:length|depth|size)",
        "(?:jobs|messages|tasks|events)_(?:waiting|pending|queued)", "queue_(?:length|depth|size|backlog)",
    ),
    "consumers": (
        "rabbitmq_(?:detailed_)?queue_consumers", "pulsar_(?:subscription_)?consumers_count",
        "activemq_queue_consumer_?count", "artemis_consumer_count", "kafka_consumer_?group_members",
    ),
    "redelivered": (
        "rabbitmq_[a-z_]*redelivered_total", "(?:nats_|jetstream_)consumer_num_redelivered",
        "pulsar_subscription_msg_rate_redeliver",
        "[a-z_]*(?:requeued|redelivered|retried|dead_lettered)(?:_[a-z]+)?_total",
    ),
    "done": (
        "[a-z_]*(?:processed|completed|consumed|handled|executed|succeeded|acked|acknowledged)"
        "(?:_(?:jobs|tasks|messages|events|records|items))?_total",
        "celery_tasks?_succeeded_total", "kafka_consumer_(?:fetch_manager_)?records_consumed_total",
        "spring_(?:rabbitmq|kafka)_listener_seconds_count",
    ),
    "failed": (
        "[a-z_]*(?:jobs|job|tasks|task|messages|message|events|event|records)_(?:failed|errors|failures)_total",
        "[a-z_]*failed_(?:jobs|tasks|messages|events)_total",
    ),
}  # fmt: skip
_PATTERNS = {kind: re.compile("|".join(texts)) for kind, texts in _KINDS.items()}

_OTHERS = (
    "(?:http|grpc|rpc|traces|istio|envoy|container|kube|node|prom|prometheus|promhttp|otel|otelcol|go|jvm"
    "|process|python|workqueue|apiserver|etcd|coredns|cilium|jetty|tomcat|hikaricp|executor|alertmanager"
    "|loki|tempo|mongodb|mysql|pg|nginx|traefik)_.*"
)
"""Names of requests and of platforms, whose counters are not of a worker's messages."""

_QUEUES = ("queue", "queue_name", "topic", "stream_name", "subscription", "tube", "task_queue",
           "destination", "key", "task")  # fmt: skip
_GROUPS = ("consumergroup", "consumer_group", "group", "group_id", "consumer_name", "client_id")
_LABELS = ("__name__", "namespace", "pod", "instance", "app", "app_kubernetes_io_name", "service", "job",
           "state", "status", *_QUEUES, *_GROUPS)  # fmt: skip
_WAITING = frozenset({"", "waiting", "wait", "queued", "pending", "ready", "enqueued"})
_ACTIVE = 1e-6


def queue_query(namespaces: Sequence[str]) -> str:
    """Return the one query for all quantities of queues and workers in some namespaces."""
    names = "|".join(text.replace("(?:", "(") for texts in _KINDS.values() for text in texts)
    others = _OTHERS.replace("(?:", "(")
    where = f',namespace=~"{"|".join(namespaces)}"' if namespaces else ""
    return f'sum by ({", ".join(_LABELS)}) ({{__name__=~"{names}",__name__!~"{others}"{where}}})'


def kind_of(metric: str) -> str:
    """Return what a metric measures, "" for none of these."""
    return next((kind for kind, text in _PATTERNS.items() if text.fullmatch(metric)), "")


def meters(
    query: str, series: Iterable[Series], *, end: float, step: float, owners: Owners = NOBODY
) -> list[Meter]:
    """Bring series to meters; counters become rates, and pods of one program are added up."""
    sums: dict[tuple[str, ...], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for item in series:
        labels = item.labels
        kind = kind_of(labels.get("__name__", ""))
        state = labels.get("state", "") or labels.get("status", "")
        if not kind or (kind == "backlog" and state.lower() not in _WAITING):
            continue
        points = tuple((t, v) for t, v in item.points if v == v)
        if kind in ("done", "failed", "redelivered"):
            points = _rates(points)
        key = (kind, labels["__name__"], labels.get("namespace", ""), _program(labels, owners),
               _first(labels, _QUEUES), _first(labels, _GROUPS))  # fmt: skip
        for moment, value in points:
            sums[key][moment] += value
    found = []
    for group, values in sums.items():
        points = tuple(sorted(values.items()))
        if points:
            make = _level if group[0] in ("backlog", "consumers") else _rate
            found.append(make(group, query, points, end, step))
    return found


def meter_line(meter: Meter) -> str:
    """Write a meter as one line: what of whom, and its value now against before."""
    labels = ", ".join(x for x in (meter.queue, meter.group) if x)
    who = f"{meter.program or '(unknown)'}{f' ({labels})' if labels else ''}"
    unit = "" if meter.kind in ("backlog", "consumers") else "/s"
    text = f"{meter.metric} {who}: {meter.now:.3g}{unit} (before: up to {meter.most:.3g}{unit})"
    if meter.still:
        text += f", zero for {meter.still:.0f} s"
    if meter.rise:
        text += f", {meter.rise:.3g} more without a step down"
    return text


def _level(key: tuple[str, ...], query: str, points: Points, end: float, step: float) -> Meter:
    if key[0] == "consumers":
        return _rate(key, query, points, end, step)
    values = [v for _, v in points]
    begin = len(values) - 1
    while begin and values[begin - 1] <= values[begin] + max(1.0, 0.05 * values[begin]):
        begin -= 1  # what is taken and put back makes small steps down
    rose = next((i for i in range(begin, len(values)) if values[i] > values[begin]), len(values) - 1)  # fmt: skip
    kind, metric, namespace, program, queue, group = key
    now = _now(points, end, step)
    return Meter(
        kind, metric, namespace, program, queue, group, query,
        now=now,
        most=max(values[:-1], default=0.0),
        rise=max(now - min(values[begin:]), 0.0),
        since=datetime.fromtimestamp(points[max(rose - 1, 0)][0], UTC),
        active=len(values) - rose,
    )  # fmt: skip


def _rate(key: tuple[str, ...], query: str, points: Points, end: float, step: float) -> Meter:
    busy = [t for t, v in points if v > _ACTIVE]
    last = busy[-1] if busy else points[0][0]
    gap = max((b - a - step for a, b in pairwise(busy)), default=0.0)
    now = _now(points, end, step)
    kind, metric, namespace, program, queue, group = key
    return Meter(
        kind, metric, namespace, program, queue, group, query,
        now=now,
        most=max((v for t, v in points if t <= last), default=0.0),
        since=datetime.fromtimestamp(last, UTC),
        still=0.0 if now > _ACTIVE else max(end - last, 0.0),
        paused=max(gap, 0.0),
        active=len(busy),
    )  # fmt: skip


def _now(points: Points, end: float, step: float) -> float:
    """Return the latest value, 0 of a series that ended: its program went with it."""
    return points[-1][1] if points[-1][0] >= end - 1.5 * step else 0.0


def _rates(points: Points) -> Points:
    """Return the rate per second at each point; a counter that starts anew counts from zero."""
    found = []
    for (t0, v0), (t1, v1) in pairwise(points):
        if t1 > t0:
            found.append((t1, (v1 - v0 if v1 >= v0 else v1) / (t1 - t0)))
    return tuple(found)


def _program(labels: dict[str, str], owners: Owners) -> str:
    named = next((labels[n] for n in SERVERS if labels.get(n) and n != "job"), "")
    return owners.at(labels) or short(named) or labels.get("job", "")


def _first(labels: dict[str, str], names: Sequence[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
