"""Names, policies, init containers, limits and ways in: what the cluster around a program decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from connectors.api.values import Json
from eval.apps.loader import parse_app
from eval.apps.model import Burst, Request, Workload
from eval.environments.emulator.traffic.addresses import parse, service_name
from eval.environments.emulator.traffic.arrivals import shape
from eval.environments.emulator.traffic.hosts import retransmission
from eval.environments.emulator.traffic.inits import waited_for
from eval.environments.emulator.traffic.load import Load, late_share, queueing_ms
from tests.eval.environments.emulator.traffic.fake_cluster import World
from tests.eval.environments.emulator.traffic.shop import data, shop


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stock", ("stock", 9)),
        ("stock:9000", ("stock", 9000)),
        ("http://stock:9000/take?x=1", ("stock", 9000)),
        ("https://stock/take", ("stock", 443)),
        ("redis://:secret@cache:6380/0", ("cache", 6380)),
        ("jdbc:postgresql://db:5433/shop", ("db", 5433)),
        ("mongodb://u:p@db1:27018,db2:27017/x", ("db1", 27018)),
        ("Host=db;Username=u;Password=p;Port=5555", ("db", 5555)),
        ("host=db port=5432 user=u", ("db", 5432)),
        ("root:p@tcp(mysql:3307)/shop", ("mysql", 3307)),
        ("broker-1:9092,broker-2:9092", ("broker-1", 9092)),
        ("8081", ("default", 8081)),
        ("10.1.2.3:80", ("10.1.2.3", 80)),
    ],
)
def test_addresses_are_read_as_clients_read_them(text: str, expected: tuple[str, int]) -> None:
    assert tuple(parse(text, "default", 9)) == expected


def test_cluster_names() -> None:
    assert service_name("db", "shop") == ("shop", "db")
    assert service_name("db.other.svc.cluster.local", "shop") == ("other", "db")
    assert service_name("api.example.com", "shop") is None


def test_waiting_in_front_of_a_program() -> None:
    assert queueing_ms(0.0, 1, 5) == 0
    assert queueing_ms(0.9, 1, 5) > 5 * queueing_ms(0.5, 1, 5)
    assert queueing_ms(0.9, 8, 5) < queueing_ms(0.9, 1, 5)
    assert late_share(10, 0.35, 10_000) == 0
    assert late_share(1000, 0.35, 500) > 0.9
    added, lost = retransmission(0.1, 10_000)
    assert 0 < added < 100
    assert lost < 1e-4
    assert retransmission(0.99, 10_000)[1] > 0.9


def test_a_backlog_grows_and_drains() -> None:
    load, waits = Load(), []
    for asked in (100, 1000, 1000, 1000, 10, 10, 10, 10, 10, 10):
        load.offered = load.admitted = asked
        load.cpu_ms, load.held_ms = asked * 10.0, asked * 10.0
        load.settle(5, 1.0, 1.0, 0.01, 0, 0)
        waits.append(load.wait_ms)
        assert load.used_cores <= 1.0001
    assert waits[0] < waits[1] < waits[2] < waits[3]
    assert waits[-1] < 20
    assert load.throttled_periods > 100


@pytest.mark.parametrize(
    ("command", "host", "port"),
    [
        ("sh -c until nc -z db 5432; do echo waiting for db; sleep 2; done;", "db", 5432),
        ("sh -c until nc -z -v -w30 kafka 9092; do sleep 2; done;", "kafka", 9092),
        (
            "sh -c until nslookup nobody.shop.svc; do echo waiting; sleep 2; done",
            "nobody.shop.svc",
            0,
        ),
    ],
)
def test_what_a_command_waits_for(command: str, host: str, port: int) -> None:
    waits = waited_for(command)
    assert waits is not None
    assert (waits.host, waits.port) == (host, port)


def test_an_init_container_waits_until_its_name_is_there() -> None:
    world = World(shop())
    template = next(
        d for d in world.cluster.items["Deployment"] if d["metadata"]["name"] == "stock"
    )
    spec = template["spec"]["template"]["spec"]
    pod = {
        "metadata": {
            "name": "stock-9",
            "uid": "u9",
            "namespace": "shop",
            "labels": {"app": "stock"},
        },
        "spec": spec,
        "status": {},
    }
    world.cluster.items["Pod"].append(pod)
    world.cluster.runs["u9"] = (world.software.programs.start(pod, spec["initContainers"][0], world.cluster.time), world.cluster.time)  # fmt: skip
    assert world.cluster.runs["u9"][0].exits_after is None
    world.pass_time(20)
    assert len(world.cluster.logs["stock-9"]) in range(6, 12)
    assert world.cluster.logs["stock-9"][0][1] == "waiting for db"
    world.cluster.start_pod("db")
    world.pass_time(10)
    assert ("stock-9", 0) in world.cluster.ended


def _running() -> World:
    world = World(shop())
    for name in ("db", "cache", "broker", "flagd", "stock", "mail", "web"):
        world.cluster.start_pod(name)
        world.pass_time(5)
    world.traffic.running = True
    world.pass_time(30)
    assert world.traffic.error_share() == 0.0
    return world


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("no_such_host", "no such host"),
        ("server_misbehaving", "server misbehaving"),
        ("timeout", "i/o timeout"),
    ],
)
def test_names_fail_in_three_ways(reason: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = _running()
    monkeypatch.setattr(world.cluster, "resolves", lambda pod, name: reason)
    world.pass_time(60)
    assert said in world.cluster.text("web")
    share = world.traffic.error_share(20)
    assert share is not None and share > 0.4


def test_a_policy_holds_for_standing_connections_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _running()

    def allowed(source: Json | None, target: Json, port: int, protocol: str = "TCP") -> bool:
        return port != 9000

    monkeypatch.setattr(world.cluster, "allowed", allowed)
    world.pass_time(60)
    share = world.traffic.error_share(30)
    assert share is not None and 0.4 < share < 0.6
    assert "connection refused" not in world.cluster.text("web")


def test_a_memory_limit_below_what_a_program_needs_kills_it() -> None:
    world = World(shop())
    template = next(d for d in world.cluster.items["Deployment"] if d["metadata"]["name"] == "web")
    template["spec"]["template"]["spec"]["containers"][0]["resources"] = {
        "limits": {"memory": "10Mi"}
    }
    run = world.cluster.start_pod("web")
    assert run.oom
    assert run.exits_after is not None


def test_two_containers_cannot_have_one_port() -> None:
    changed = data()
    changed["services"]["web"]["sidecars"] = [
        {"name": "helper", "image": "helper:1", "ports": [{"port": 8080}]}
    ]
    world = World(parse_app(changed))
    first = world.cluster.start_pod("web")
    assert first.exits_after is None
    pod = world.cluster.items["Pod"][-1]
    second = world.software.programs.start(pod, pod["spec"]["containers"][1], world.cluster.time)
    assert second.exit_code == 1
    assert "bind: address already in use" in second.lines[0][1]


def test_another_build_dials_elsewhere() -> None:
    changed = data()
    changed["variants"] = {
        "shop/web:2": {"services": ["web"], "dials": {"stock": "stock:9999"}},
        "shop/web:3": {"services": ["web"], "exits": {"text": "no such table"}, "exit_code": 3},
    }
    world = World(parse_app(changed))
    template = next(d for d in world.cluster.items["Deployment"] if d["metadata"]["name"] == "web")
    container = template["spec"]["template"]["spec"]["containers"][0]
    for name in ("db", "cache", "broker", "flagd", "stock"):
        world.cluster.start_pod(name)
        world.pass_time(5)
    container["image"] = "shop/web:2"
    world.cluster.start_pod("web")
    world.traffic.running = True
    world.pass_time(60)
    share = world.traffic.error_share(30)
    assert share is not None and share > 0.4
    container["image"] = "shop/web:3"
    assert world.cluster.start_pod("web").exit_code == 3


def _ingress(path: str, service: str) -> Mapping[str, object]:
    return {"host": "shop.example", "paths": {path: service}}


@pytest.mark.parametrize(
    ("path", "service", "lost"), [("/", "web", 0.0), ("/shop", "web", 1.0), ("/", "stock", 1.0)]
)
def test_users_come_through_the_ingress(path: str, service: str, lost: float) -> None:
    changed = data()
    changed["ingresses"] = {"front": _ingress(path, service)}
    world = World(parse_app(changed))
    for name in ("db", "cache", "broker", "flagd", "stock", "mail", "web"):
        world.cluster.start_pod(name)
        world.pass_time(5)
    world.traffic.running = True
    world.pass_time(40)
    assert world.traffic.error_share(30) == lost


def test_the_shape_of_a_day() -> None:
    workload = Workload((Request("/", 1.0),), daily_swing=0.5, bursts=(Burst(600, 60, 3.0),))
    night, noon = (datetime(2026, 3, 2, hour, 5, tzinfo=UTC) for hour in (4, 16))
    assert shape(workload, night) == pytest.approx(0.5, abs=0.01)
    assert shape(workload, noon) == pytest.approx(1.5, abs=0.01)
    assert shape(workload, noon.replace(minute=0)) == pytest.approx(4.5, abs=0.01)
