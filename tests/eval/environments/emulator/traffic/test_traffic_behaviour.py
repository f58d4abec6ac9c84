"""What programs do when the cluster, their stores, their hosts or their flags are not as usual."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from eval.apps.loader import parse_app
from eval.apps.stores_api import StoreRefused
from tests.eval.environments.emulator.traffic.fake_cluster import World
from tests.eval.environments.emulator.traffic.shop import FLAGS, data, shop


def _running(world: World) -> World:
    for name in ("db", "cache", "broker", "flagd"):
        world.cluster.start_pod(name)
    world.pass_time(5)
    for name in ("stock", "mail"):
        world.cluster.start_pod(name)
    world.pass_time(5)
    world.cluster.start_pod("web")
    world.pass_time(5)
    world.traffic.running = True
    world.pass_time(30)
    assert world.traffic.error_share() == 0.0
    return world


@pytest.fixture
def world() -> World:
    return _running(World(shop()))


def _share(world: World, seconds: int = 30) -> float:
    world.pass_time(10)
    world.pass_time(seconds)
    share = world.traffic.error_share(seconds - 5)
    assert share is not None
    return share


def _container(world: World, service: str) -> Json:
    items = world.cluster.items["Deployment"]
    found = next(d for d in items if d["metadata"]["name"] == service)
    container: Json = found["spec"]["template"]["spec"]["containers"][0]
    return container


def _restart(world: World, service: str) -> None:
    world.cluster.stop_pods(service)
    world.cluster.start_pod(service)
    world.pass_time(5)


def _administer(world: World, target: str, command: str, **arguments: str | float) -> None:
    world.software.administration.run(target, command, **arguments)


def _set_flag(world: World, flag: str, variant: str) -> None:
    import json

    flags = json.loads(FLAGS)
    flags["flags"][flag]["defaultVariant"] = variant
    items = world.cluster.items["ConfigMap"]
    found = next(i for i in items if i["metadata"]["name"] == "flags")
    found["data"]["flags.json"] = json.dumps(flags)
    _restart(world, "flagd")


@pytest.mark.parametrize(
    ("value", "said"),
    [("stock:9999", "i/o timeout"), ("stok:9000", "no such host"), ("10.9.9.9:9000", "i/o timeout")],
)  # fmt: skip
def test_a_caller_dials_what_its_environment_says(world: World, value: str, said: str) -> None:
    _container(world, "web")["env"] = [
        {"name": "STOCK_ADDR", "value": "stock:9000"},
        {"name": "STOCK_ADDR", "value": value},  # the last one wins
    ]
    _restart(world, "web")
    assert 0.4 < _share(world) < 0.6
    text = world.cluster.text("web")
    assert "buying failed: " in text
    assert said in text


def test_without_a_required_variable_a_program_ends(world: World) -> None:
    _container(world, "web")["env"] = []
    world.cluster.stop_pods("web")
    run = world.cluster.start_pod("web")
    assert run.exit_code == 1
    assert run.exits_after is not None
    assert "STOCK_ADDR is not set" in run.lines[-1][1]


def test_a_rotated_password_shuts_out_who_has_the_old_one(world: World) -> None:
    _administer(world, "db", "set_password", user="stock", password="neu")
    assert 0.4 < _share(world) < 0.6
    assert "taking failed" in world.cluster.text("stock")
    with pytest.raises(StoreRefused):
        _administer(world, "db", "check_password", user="stock", password="geheim")
    import base64

    secret = next(i for i in world.cluster.items["Secret"] if i["metadata"]["name"] == "db")
    secret["data"]["password"] = base64.b64encode(b"neu").decode()
    assert 0.4 < _share(world) < 0.6  # the variable is the one of the start
    _restart(world, "stock")
    assert _share(world) == 0.0


def test_tls_connections_and_locks(world: World) -> None:
    _administer(world, "db", "require_tls")
    assert _share(world) > 0.4
    _administer(world, "db", "accept_plain")
    assert _share(world) == 0.0
    _administer(world, "db", "set_max_connections", number=1)
    assert _share(world) > 0.1
    _administer(world, "db", "set_max_connections", number=0)
    assert _share(world) == 0.0
    _administer(world, "db", "hold_lock", table="items")
    # one look in ten goes to the database, and takes as long as its caller waits
    assert 0.01 < _share(world, 60) < 0.12
    with pytest.raises(StoreRefused):
        _administer(world, "db", "check_lock", table="items")
    _administer(world, "db", "release_lock", table="items")
    assert _share(world, 60) == 0.0


def test_without_its_cache_the_database_takes_every_request(world: World) -> None:
    def looks() -> float:
        return world.sink.last(
            "traces_span_metrics_calls_total", peer_service="db", service_name="web"
        )

    before = looks()
    world.pass_time(60)
    usual = looks() - before
    world.cluster.stop_pods("cache")
    world.pass_time(15)
    before = looks()
    world.pass_time(60)
    assert looks() - before > 5 * usual
    assert world.traffic.error_share() == 0.0


def test_a_slow_network_and_a_lossy_one(world: World) -> None:
    _administer(world, "stock", "impair", delay_ms=10_000, loss=0)
    assert 0.4 < _share(world) < 0.6
    assert "timeout" in world.cluster.text("web") or "deadline" in world.cluster.text("web")
    _administer(world, "stock", "impair", delay_ms=0, loss=0.99)
    assert 0.4 < _share(world) < 0.6
    _administer(world, "stock", "impair", delay_ms=0, loss=0)
    assert _share(world) == 0.0


def test_time_outs_with_retries_amplify(world: World) -> None:
    def asked() -> float:
        return world.sink.last(
            "traces_span_metrics_calls_total", service_name="web", peer_service="stock"
        )

    before = asked()
    world.pass_time(60)
    usual = asked() - before
    _set_flag(world, "slow", "on")
    world.pass_time(15)
    before = asked()
    world.pass_time(60)
    assert 2.5 * usual < asked() - before < 3.5 * usual
    assert 0.4 < _share(world) < 0.6


def test_too_little_cpu_throttles_queues_and_fails(world: World) -> None:
    _container(world, "stock")["resources"] = {"limits": {"cpu": "20m"}}
    _restart(world, "stock")
    assert _share(world, 60) > 0.2
    labels = {"pod": "stock-0"}
    periods = world.sink.last("container_cpu_cfs_periods_total", **labels)
    throttled = world.sink.last("container_cpu_cfs_throttled_periods_total", **labels)
    assert throttled > 0.7 * periods > 0
    used = world.sink.last("container_cpu_usage_seconds_total", **labels)
    assert used <= 0.0201 * 80


def test_a_pool_that_is_too_small_runs_dry(world: World) -> None:
    _set_flag(world, "slow", "on")
    # 30 attempts a second of half a second each want 15 of 50 connections
    world.pass_time(30)
    assert "no connection left" not in world.cluster.text("web")
    changed = data()
    changed["services"]["web"]["pools"]["stock"]["size"] = 5
    narrow = _running(World(parse_app(changed)))
    _set_flag(narrow, "slow", "on")
    narrow.pass_time(30)
    assert "no connection left" in narrow.cluster.text("web")


def test_a_full_queue_turns_requests_away(world: World) -> None:
    _set_flag(world, "slow", "on")
    world.pass_time(60)
    # four workers of almost a second each answer four requests a second
    assert "connection refused" in world.cluster.text("web")


def test_a_retry_storm_outlives_its_cause() -> None:
    changed = data()
    call = changed["services"]["web"]["operations"]["/buy"]["calls"][0]
    call.update({"timeout_ms": 60, "retries": 30, "backoff_ms": 0})
    changed["services"]["web"]["pools"] = {}
    changed["services"]["stock"]["workers"] = 0
    changed["services"]["stock"]["queue"] = 0
    world = _running(World(parse_app(changed)))
    _administer(world, "stock", "impair", delay_ms=200, loss=0)
    assert _share(world) > 0.4
    _administer(world, "stock", "impair", delay_ms=0, loss=0)
    assert _share(world, 120) > 0.4
    # only less load lets it come back
    world.traffic.running = False
    world.pass_time(180)
    world.traffic.running = True
    assert _share(world) == 0.0


def test_flags_fail_flood_and_leak(world: World) -> None:
    _set_flag(world, "fail", "half")
    assert 0.15 < _share(world) < 0.35
    assert "broken by design" in world.cluster.text("web")
    _set_flag(world, "flood", "on")
    world.pass_time(15)
    before = world.sink.last("traces_span_metrics_calls_total", service_name="load-generator")
    world.pass_time(60)
    after = world.sink.last("traces_span_metrics_calls_total", service_name="load-generator")
    assert 2700 < after - before < 4500
    _set_flag(world, "leak", "on")
    world.pass_time(120)
    assert ("web-0", 137) in world.cluster.ended


def test_consumers_lag_and_stop_at_poison(world: World) -> None:
    def lag() -> float:
        return world.sink.last("kafka_consumergroup_lag", consumergroup="mail", topic="orders")

    world.pass_time(30)
    assert lag() < 20
    _administer(world, "broker", "publish_poison", topic="orders")
    world.pass_time(90)
    assert lag() > 500
    assert "mail failed: failed to parse" in world.cluster.text("mail")
    assert world.traffic.error_share() == 0.0
    _administer(world, "broker", "skip_poison", topic="orders")
    world.pass_time(90)
    assert lag() < 20
    with pytest.raises(StoreRefused, match="orders"):
        _administer(world, "broker", "publish_poison", topic="nothing")


def test_hosts_out_of_something(world: World) -> None:
    for what in ("connections", "disk", "shm"):
        _administer(world, "db", "exhaust", what=what)
        assert _share(world) > 0.3, what
        _administer(world, "db", "relieve", what=what)
        assert _share(world) == 0.0, what
    for what, said in (("ports", "cannot assign"), ("file_descriptors", "too many open files")):
        _administer(world, "web", "exhaust", what=what)
        assert _share(world) > 0.4, what
        assert said in world.cluster.text("web")
        _administer(world, "web", "relieve", what=what)
        assert _share(world) == 0.0, what
    with pytest.raises(StoreRefused, match="connections"):
        _administer(world, "db", "exhaust", what="patience")


def test_a_killed_process_and_a_failing_host(world: World) -> None:
    _administer(world, "stock", "kill")
    assert world.cluster.ended[-1] == ("stock-0", 137)
    _administer(world, "web", "fail", seconds=60)
    world.cluster.stop_pods("web")
    assert world.cluster.start_pod("web").exits_after is not None
    world.pass_time(61)
    world.cluster.stop_pods("web")
    assert world.cluster.start_pod("web").exits_after is None


def test_a_shifted_clock_shows_in_what_is_logged(world: World) -> None:
    world.pass_time(60)
    _administer(world, "web", "clock", seconds=7200)
    world.pass_time(60)
    at, line = world.cluster.logs["web-0"][-1]
    assert "all is well" in line
    assert f"{at.hour + 2:02d}:{at.minute:02d}" in line


def test_a_setting_that_is_gone_fails_requests(world: World) -> None:
    items = world.cluster.items["ConfigMap"]
    found = next(i for i in items if i["metadata"]["name"] == "settings")
    found["data"] = {"settings.ini": "nothing"}
    assert 0.4 < _share(world) < 0.6
    assert "no mode in settings.ini" in world.cluster.text("stock")


def test_lines_are_in_the_order_of_time_and_not_in_the_future(world: World) -> None:
    _administer(world, "stock", "impair", delay_ms=3000, loss=0)
    world.pass_time(60)
    times = [at for at, _ in world.cluster.logs["web-0"]]
    assert times == sorted(times)
    assert times[-1] <= world.cluster.time
    assert len({at.microsecond for at in times}) > 20


def test_probes_see_what_a_program_is_able_to(world: World) -> None:
    pod = next(p for p in world.cluster.items["Pod"] if p["metadata"]["name"] == "web-0")
    programs, container = world.software.programs, _container(world, "web")
    now = world.cluster.time
    assert programs.http_status(pod, container, "/healthz", now) == 200
    assert programs.http_status(pod, container, "/nothing", now) == 404
    _administer(world, "web", "impair", delay_ms=5000, loss=0)
    assert programs.http_status(pod, container, "/healthz", now) == 0
    used = programs.usage(pod, container["name"])
    assert used is not None and 10e6 < used.memory < 64e6


def test_unknown_parts_are_refused(world: World) -> None:
    with pytest.raises(StoreRefused, match='no service "nobody"'):
        _administer(world, "nobody", "kill")
    with pytest.raises(StoreRefused, match="unknown command"):
        _administer(world, "db", "explode")
