"""Texts of many versions and products, read right."""

from __future__ import annotations

import pytest

from copilot.evidence.addresses import addresses, configured
from copilot.evidence.analyzers.references import missing_in
from copilot.evidence.analyzers.scheduling import items
from copilot.evidence.kube import parse_time, quantity
from copilot.evidence.loglines import parse_log
from copilot.evidence.network_policy import Peer, blocking, blocks_names
from copilot.evidence.signatures import blamed, classify, listening_port


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ("0/1 nodes are available: 1 node(s) didn't match node selector.", ["affinity"]),
        ("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity.", ["affinity"]),
        (
            "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
            "2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: "
            "3 Preemption is not helpful for scheduling.",
            ["taint", "affinity"],
        ),
        (
            "0/2 nodes are available: 1 node(s) had taint {dedicated: gpu}, that the pod didn't tolerate, "
            "1 Insufficient memory.",
            ["taint", "resources"],
        ),
        ("0/1 nodes are available: 1 node(s) were unschedulable.", ["cordoned"]),
        (
            "0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: "
            "1 No preemption victims found for incoming pod.",
            ["resources"],
        ),
        ("0/1 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims.", ["volume"]),
        ('persistentvolumeclaim "data" not found', ["volume"]),
        (
            "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: "
            "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
            ["pod_affinity"],
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.",
            ["ports"],
        ),
        ("0/1 nodes are available: 1 node(s) had volume node affinity conflict.", ["volume_affinity"]),
        ("0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints.", ["pod_affinity"]),
    ],
)  # fmt: skip
def test_scheduler_messages_of_all_versions(message: str, kinds: list[str]) -> None:
    assert [item.kind for item in items(message)] == kinds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('secret "db" not found', "Secret db"),
        ('MountVolume.SetUp failed for volume "c" : configmap "conf" not found', "ConfigMap conf"),
        ("couldn't find key pass in Secret shop/db", "key pass of Secret db"),
        ("couldn't find key mode in ConfigMap shop/conf", "key mode of ConfigMap conf"),
    ],
)
def test_missing_references(text: str, expected: str) -> None:
    assert str(missing_in(text)) == expected


@pytest.mark.parametrize(
    ("line", "kind", "host", "port"),
    [
        ("Thrift: Mon Mar  1 12:00:00 2026 TSocket::open() connect() <Host: user-service Port: 9090>: Connection refused", "refused", "user-service", 9090),
        ('dial tcp: lookup mongodb-geo on 10.96.0.10:53: no such host', "dns", "mongodb-geo", None),
        ("urlopen error calling http://api:8081/ ConnectionRefusedError(111)", "refused", "api", 8081),
        ("java.net.UnknownHostException: orders-db", "dns", "orders-db", None),
        ('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.96.3.4:3550: connect: connection refused"', "refused", "10.96.3.4", 3550),
        ("could not translate host name \"pg\" to address: Name or service not known", "dns", "pg", None),
        ("requests.exceptions.ConnectionError: HTTPConnectionPool(host='cart', port=7070): Max retries exceeded: [Errno 111] Connection refused", "refused", "cart", 7070),
        ("getaddrinfo ENOTFOUND catalogue", "dns", "catalogue", None),
        ("redis: WRONGPASS invalid username-password pair", "auth_failed", None, None),
        ("FATAL: password authentication failed for user \"shop\"", "auth_failed", None, None),
        ("server returned error on SASL authentication step: Authentication failed.", "auth_failed", None, None),
        ("not authorized on geo-db to execute command { count: ... }", "not_authorized", None, None),
        ("context deadline exceeded while calling http://rates:80/x", "timeout", "rates", 80),
        ("listen tcp :8080: bind: address already in use", "bind", None, None),
        ("write /data/x: no space left on device", "disk_full", None, None),
        ("KeyError: 'DATABASE_URL'", "missing_config", None, None),
        ("ModuleNotFoundError: No module named 'flask'", "no_program", None, None),
        ("x509: certificate has expired or is not yet valid", "cert_expired", None, None),
        ('configmaps is forbidden: User "system:serviceaccount:shop:api" cannot list resource', "rbac", None, None),
        ("failed to upload traces: dial tcp: lookup jaeger: no such host", "telemetry", None, None),
    ],
)  # fmt: skip
def test_log_lines(line: str, kind: str, host: str | None, port: int | None) -> None:
    found = classify(line)
    assert found is not None and found.kind == kind
    if host is not None:
        about = blamed(line)
        assert about is not None
        assert (about.host, about.port) == (host, port)


@pytest.mark.parametrize(
    "line",
    [
        "GET /healthz 200 2ms",
        "INFO authenticated user 7",
        "level=info msg=\"no error\" retries=0 timeout=30s",
        "connected to mongodb://store:27017",
        "2 errors in the last hour",
    ],
)  # fmt: skip
def test_ordinary_lines(line: str) -> None:
    assert classify(line) is None


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("web listening on port 8080", 8080),
        ("Listening at: http://0.0.0.0:8000 (1)", 8000),
        ("Server started on :5050", 5050),
        ("Tomcat started on port(s): 8081 (http)", 8081),
        ("Now listening on: http://[::]:7070", 7070),
        ("connecting to store:9000", None),
        ("failed to listen on port 80: permission denied", None),
    ],
)
def test_listening(line: str, port: int | None) -> None:
    assert listening_port(line) == port


def test_addresses_in_settings() -> None:
    assert [(a.host, a.port) for a in addresses("mongodb://u:p@a:27017,b:27018/x?y")] == [
        ("a", 27017),
        ("b", 27018),
    ]
    assert [(a.host, a.port) for a in addresses("at 12:30:45 from localhost:80")] == []
    host = configured("CART_HOST", "cart", {"CART_PORT": "7070"})
    assert [(a.host, a.port, a.sure) for a in host] == [("cart", 7070, True)]
    assert configured("LOG_LEVEL", "debug", {}) == []
    assert configured("MODE", "api", {}) == []


def test_quantities_and_times() -> None:
    assert (quantity("250m"), quantity("1Gi"), quantity("2"), quantity("x")) == (
        0.25,
        2**30,
        2.0,
        None,
    )
    moment = parse_time("2026-11-21T10:43:03.570718846Z")
    assert moment is not None and moment.microsecond == 570718
    assert parse_time("soon") is None
    lines = parse_log("2026-11-21T10:43:03Z \x1b[31mERR\x1b[0m boom\n  at x\n")
    assert [(line.text, line.at is not None) for line in lines] == [
        ("ERR boom", True),
        ("at x", True),
    ]


def policy(name: str, selector: dict[str, str], **spec: object) -> dict[str, object]:
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": selector}, **spec},
    }


def test_network_policies() -> None:
    web = Peer("shop", {"app": "web"}, {"team": "a"}, "10.1.0.1", {})
    store = Peer(
        "shop",
        {"app": "store"},
        {"team": "a"},
        "10.1.0.2",
        {"containers": [{"ports": [{"containerPort": 9000, "name": "db"}]}]},
    )
    deny = policy("deny", {"app": "store"}, policyTypes=["Ingress"])
    assert blocking([deny], web, store, 9000) == [deny]
    assert blocking([deny], store, web, 80) == []
    allow = policy(
        "allow",
        {"app": "store"},
        ingress=[
            {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "db"}]}
        ],
    )
    assert blocking([deny, allow], web, store, 9000) == []
    assert blocking([deny, allow], web, store, 9001) == [deny, allow]
    elsewhere = Peer("other", {"app": "web"}, {"team": "b"}, "10.2.0.1", {})
    assert blocking([allow], elsewhere, store, 9000) == [allow]
    egress = policy(
        "out",
        {"app": "web"},
        policyTypes=["Egress"],
        egress=[{"to": [{"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.0.2/32"]}}]}],
    )
    assert blocking([egress], web, store, 9000) == [egress]
    ports = policy(
        "dns", {"app": "web"}, policyTypes=["Egress"], egress=[{"ports": [{"port": 443}]}]
    )
    assert blocks_names([ports], web) == [ports]
    assert (
        blocks_names(
            [ports, policy("d", {}, egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}])], web
        )
        == []
    )
