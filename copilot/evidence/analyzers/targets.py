"""What a line of a log is about: the dependency that it blames, what is behind it, and which of these are stores."""

from __future__ import annotations

import re

from copilot.evidence.case import Case
from copilot.evidence.kube import containers, ref_of
from copilot.evidence.logscan import LogIssue
from copilot.model.scope import ObjectRef

_STORES = ("mongo", "mysql", "mariadb", "postgres", "redis", "valkey", "cassandra", "elastic",
           "opensearch", "rabbitmq", "kafka", "memcached", "etcd", "cockroach", "tidb", "mssql",
           "clickhouse", "minio", "nats", "zookeeper", "couch", "neo4j", "influx", "keydb")  # fmt: skip
_STORE_PORTS = frozenset({27017, 3306, 5432, 6379, 9042, 9200, 5672, 9092, 2379, 26257, 4000, 1433})

_PRODUCTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("redis", "valkey", "keydb", "dragonfly"), r"redis|jedis|lettuce|OOM command|maxmemory|WRONGPASS|NOAUTH|NOPERM|MISCONF|client sent AUTH|max number of clients"),
    (("postgres", "cockroach", "timescale", "pgbouncer"), r"postgres|psycopg|psql|\bpq:|npgsql|pg_hba|28P01|role \"|FATAL: |SQLSTATE|remaining connection slots|too many clients|asyncpg"),
    (("mysql", "mariadb", "tidb", "percona"), r"mysql|mariadb|ER_[A-Z]+|Error 1\d{3}|using password|denied (for|to) user|innodb|insecure transport|gone away"),
    (("mongo",), r"mongo|SCRAM|UserNotFound|codeName|not authorized on|storedKey"),
    (("rabbitmq",), r"amqp|rabbit|vhost|ACCESS_REFUSED|pika"),
    (("kafka", "redpanda"), r"kafka|broker|TopicAuthorization|rdkafka|sarama"),
    (("memcached",), r"memcache|SERVER_ERROR"),
    (("elastic", "opensearch"), r"elastic|opensearch|security_exception|flood.stage|shard"),
    (("cassandra", "scylla"), r"cassandra|NoHostAvailable|\bCQL\b"),
)  # fmt: skip
"""Whose errors read like this, by the names of images."""

_WORD = re.compile(r"[a-z0-9]+")
_COMMON = frozenset(
    {"service", "svc", "app", "api", "db", "database", "server", *_STORES, "mongodb", "postgresql"}
)


def target(case: Case, issue: LogIssue) -> ObjectRef | None:
    """Return the Service or workload that an issue blames, existing or not; never itself."""
    if issue.blames is None:
        return None
    found = case.wiring.resolver.resolve(issue.blames, issue.workload.namespace)
    if found is None and "." not in issue.blames.host:
        found = ObjectRef("Service", issue.workload.namespace, issue.blames.host)
    if found is None or found == issue.workload:
        return None
    if found.kind == "Service" and issue.workload in case.snapshot.backing(found):
        return None
    known = case.snapshot.get(found) is not None
    configured = any(s.target == found for s in case.wiring.settings.get(issue.workload, ()))
    # A name that is neither a Service nor configured anywhere is some word of the message.
    return found if known or configured or issue.kind == "dns" else None


def backing(case: Case, dependency: ObjectRef | None) -> list[ObjectRef]:
    """Return the workloads behind a dependency."""
    if dependency is None:
        return []
    if dependency.kind != "Service":
        return [dependency]
    return case.snapshot.backing(dependency)


def stores_of(case: Case, issue: LogIssue) -> list[ObjectRef]:
    """Return the database or broker that a complaint without a host is about; [] if unclear.

    It is one that the workload is known to use, else one that shares a word of its name with the
    workload or with the complaint ("orders-db" in a line, a workload "mysql-orders").
    """
    if looks_like_store(case, issue.workload):
        return []
    used: list[ObjectRef] = []
    for node, strength in sorted(
        case.topology.callees(issue.workload).items(), key=lambda i: -i[1]
    ):
        if strength >= 0.3:
            used += [w for w in backing(case, node) if looks_like_store(case, w) and w not in used]
    used = _speaking(case, used, issue)
    if len(used) == 1:
        return used
    everywhere = [
        ref_of(w)
        for w in case.snapshot.workloads
        if w["metadata"].get("namespace") == issue.workload.namespace
        and looks_like_store(case, ref_of(w))
    ]
    everywhere = _speaking(case, everywhere, issue)
    words = set(_WORD.findall(" ".join((issue.workload.name, *issue.lines)).lower())) - _COMMON
    fitting = [s for s in used or everywhere if (set(s.name.split("-")) - _COMMON) & words]
    # The store that complains of the same in its own log is the one; a cache rarely has logins.
    complaining = {i.workload for i in case.issues if i.kind == issue.kind}
    fitting.sort(key=lambda s: (s not in complaining, "memcached" in s.name))
    return fitting[:1] or used[:1] or (everywhere if len(everywhere) == 1 else [])


def _speaking(case: Case, stores: list[ObjectRef], issue: LogIssue) -> list[ObjectRef]:
    """Return the stores whose product words an error so; all, where it tells no product."""
    text = " ".join(issue.lines)
    for names, pattern in _PRODUCTS:
        if re.search(pattern, text, re.I):
            fitting = [s for s in stores if any(n in f"{_images(case, s)} {s.name}" for n in names)]
            if fitting:
                return fitting
    return stores


def _images(case: Case, workload: ObjectRef) -> str:
    found = (str(c.get("image", "")) for c in containers(case.snapshot.spec(workload)))
    return " ".join(found).lower()


def looks_like_store(case: Case, workload: ObjectRef) -> bool:
    """Whether a workload is a database, cache or broker, by its image or its well-known port."""
    for container in containers(case.snapshot.spec(workload)):
        image = str(container.get("image", "")).rpartition("/")[2].lower()
        if any(image.startswith(store) for store in _STORES):
            return True
        if any(p.get("containerPort") in _STORE_PORTS for p in container.get("ports") or []):
            return True
    return False


_BROKERS = ("kafka", "rabbitmq", "nats", "pulsar", "activemq", "redpanda", "artemis", "sqs")
_BROKER_PORTS = frozenset({5671, 5672, 9092, 4222, 6650, 61616})


def is_broker(case: Case, workload: ObjectRef) -> bool:
    """Whether a workload is a message broker, by its name, its containers, or a well-known port."""
    found = containers(case.snapshot.spec(workload))
    names = " ".join(str(c.get("name", "")) for c in found)
    text = f"{workload.name} {names} {_images(case, workload)}".lower()
    if any(name in text for name in _BROKERS) or workload.name in ("mq", "message-queue"):
        return True
    return any(p.get("containerPort") in _BROKER_PORTS for c in found for p in c.get("ports") or [])
