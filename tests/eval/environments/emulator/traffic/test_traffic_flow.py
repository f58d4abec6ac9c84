from __future__ import annotations

import pytest

from connectors.api.values import Json
from eval.apps.loader import load_app
from tests.eval.environments.emulator.traffic.fake_cluster import World


@pytest.fixture
def social() -> World:
    world = World(load_app("social_network"))
    world.deploy()
    world.pass_time(60)
    return world


@pytest.fixture
def hotel() -> World:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.pass_time(60)
    return world


def _service(world: World, name: str) -> Json:
    return next(i for i in world.cluster.items["Service"] if i["metadata"]["name"] == name)


def _errors(world: World, kind: str, **labels: str) -> float:
    return world.sink.last(
        "traces_span_metrics_calls_total",
        span_kind=f"SPAN_KIND_{kind}",
        status_code="STATUS_CODE_ERROR",
        **labels,
    )


def test_healthy_apps_serve_everybody(social: World, hotel: World) -> None:
    assert social.traffic.error_share() == 0.0
    assert hotel.traffic.error_share() == 0.0
    assert "error" not in social.cluster.text("compose-post-service")


def test_a_wrong_target_port_is_refused_once_the_pool_renews(social: World) -> None:
    _service(social, "user-service")["spec"]["ports"][0]["targetPort"] = 9999
    social.pass_time(65)
    share = social.traffic.error_share(30)
    assert share is not None and 0.5 < share < 0.7
    log = social.cluster.text("compose-post-service")
    refused = "TSocket::open() connect() <Host: user-service Port: 9090>: Connection refused"
    assert refused in log
    failures = _errors(
        social, "CLIENT", service_name="compose-post-service", peer_service="user-service"
    )
    assert log.count(refused) == log.count("Failed to connect user-service-client") > 0
    # the last scrape may be some seconds behind the log
    assert failures <= log.count(refused)
    assert "compost_post failure: connect() failed: Connection refused" in social.cluster.text(
        "nginx-thrift"
    )
    assert _errors(social, "SERVER", service_name="user-service") == 0


def test_counts_of_lines_and_spans_agree(social: World) -> None:
    _service(social, "user-service")["spec"]["ports"][0]["targetPort"] = 9999
    while social.cluster.time.second % 15 or social.cluster.time.second == 0:
        social.pass_time(1)
    social.pass_time(60)
    lines = social.cluster.text("compose-post-service").count("Failed to connect user-service")
    assert lines == _errors(
        social, "CLIENT", service_name="compose-post-service", peer_service="user-service"
    )
    users = {"service_name": "wrk2-job", "span_name": "/wrk2-api/post/compose"}
    assert lines == _errors(social, "CLIENT", **users)


def test_a_standing_connection_to_a_database_outlives_a_change_of_its_service(
    social: World,
) -> None:
    _service(social, "post-storage-mongodb")["spec"]["ports"][0]["targetPort"] = 9999
    social.pass_time(60)
    assert social.traffic.error_share() == 0.0
    social.cluster.stop_pods("post-storage-service")
    social.cluster.start_pod("post-storage-service")
    social.pass_time(60)
    assert "Failed to create mongodb index" in social.cluster.text("post-storage-service")


def test_a_missing_service_is_an_unknown_name(social: World) -> None:
    social.cluster.items["Service"].remove(_service(social, "media-service"))
    social.pass_time(30)
    assert (
        "getaddrinfo() <Host: media-service Port: 9090>: Name or service not known"
        in social.cluster.text("compose-post-service")
    )


def test_errors_travel_up_as_each_library_says_them(social: World) -> None:
    social.cluster.stop_pods("url-shorten-service")
    social.pass_time(30)
    text = social.cluster.text("text-service")
    assert "Failed to connect url-shorten-service-client" in text
    assert "Failed to get shortened urls from url-shorten-service" in text
    assert "Failed to upload urls" not in text  # no connection stood
    compose = social.cluster.text("compose-post-service")
    assert "Failed to send compose-text to text-service" in compose
    assert "TSocket" not in compose


def test_a_store_that_is_gone(social: World) -> None:
    social.cluster.stop_pods("post-storage-mongodb")
    social.pass_time(30)
    text = social.cluster.text("post-storage-service")
    assert "connection refused calling ismaster on 'post-storage-mongodb:27017'" in text


def test_reads_go_on_where_only_writes_need_the_callee(social: World) -> None:
    social.cluster.stop_pods("user-service")
    social.pass_time(360)
    share = social.traffic.error_share(300)
    assert share is not None and 0.57 < share < 0.64


def test_go_callers_find_no_address(hotel: World) -> None:
    hotel.cluster.stop_pods("reservation")
    hotel.pass_time(30)
    assert "SearchHandler CheckAvailability failed" in hotel.cluster.text("frontend")
    share = hotel.traffic.error_share(15)
    assert share is not None and 0.5 < share < 0.75


def test_registered_services_do_not_care_about_their_kubernetes_service(hotel: World) -> None:
    _service(hotel, "geo")["spec"]["ports"][0]["targetPort"] = 9999
    hotel.pass_time(60)
    assert hotel.traffic.error_share() == 0.0


def test_a_caller_that_panics_exits(hotel: World) -> None:
    hotel.cluster.stop_pods("memcached-rate")
    hotel.pass_time(10)
    assert hotel.cluster.ended == [("rate-0", 2)]
    text = hotel.cluster.text("rate")
    assert text.count("PNC") == 1
    assert "Memmcached error while trying to get hotel" in text
    assert "goroutine 1 [running]" in text


def test_users_at_the_entry_get_errors_too(hotel: World) -> None:
    before = hotel.sink.last("traces_span_metrics_calls_total", service_name="frontend")
    _service(hotel, "frontend")["spec"]["ports"][0]["targetPort"] = 9999
    hotel.pass_time(60)
    assert hotel.traffic.error_share() == 1.0
    after = hotel.sink.last("traces_span_metrics_calls_total", service_name="frontend")
    assert after - before < 200  # nothing arrives: only what came before the change
    assert _errors(hotel, "CLIENT", service_name="wrk2-job", peer_service="frontend") > 500


def test_load_goes_to_all_replicas() -> None:
    world = World(load_app("social_network"))
    world.deploy()
    world.cluster.start_pod("user-service")
    world.pass_time(120)
    counts = [p.requests for p in world.software.processes if p.program.name == "user-service"]
    assert len(counts) == 2
    assert min(counts) > 0.3 * sum(counts)


def test_the_same_seed_gives_the_same_lines_and_samples() -> None:
    def run(seed: int) -> tuple[object, object]:
        world = World(load_app("social_network"), seed=seed)
        world.deploy()
        _service(world, "text-service")["spec"]["ports"][0]["targetPort"] = 9999
        world.pass_time(60)
        return world.cluster.logs, {k: s.samples for k, s in world.sink.all.items()}

    assert run(3) == run(3)
    assert run(3) != run(4)
