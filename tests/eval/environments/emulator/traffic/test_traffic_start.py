from __future__ import annotations

import json

from eval.apps.loader import load_app
from tests.eval.environments.emulator.traffic.fake_cluster import World


def test_a_go_service_says_about_what_it_says_in_reality() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    text = world.cluster.text("geo")
    for said in (
        "Tune: setGCPercent to 100",
        "Read database URL: mongodb-geo:27017",
        "New session successfull...",
        "Initializing jaeger agent [service name: geo | host: jaeger:6831]...",
        "Successfully registered in consul",
    ):
        assert said in text
    assert "{" not in text.replace("{error}", "")


def test_without_its_database_a_go_service_gives_up_after_ten_seconds() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.cluster.stop_pods("mongodb-geo")
    world.cluster.stop_pods("geo")
    run = world.cluster.start_pod("geo")
    assert run.exit_code == 2
    assert run.exits_after is not None and 10 <= run.exits_after < 11
    text = "\n".join(line for _, line in run.lines)
    assert "PNC" in text and "no reachable servers" in text
    assert "panic: no reachable servers" in text
    assert "New session" not in text


def test_a_revoked_role_ends_the_start_and_mongod_notes_it() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.software.accounts.administer(
        "mongodb-rate", "revoke_role", user="admin", database="rate-db"
    )
    run = world.cluster.start_pod("rate")
    assert run.exit_code == 1
    assert run.exits_after is not None and run.exits_after < 1
    assert "FTL" in run.lines[-1][1]
    assert "not authorized on rate-db to execute command { count:" in run.lines[-1][1]
    entries = [json.loads(line) for line in world.cluster.text("mongodb-rate").splitlines()]
    denied = [e for e in entries if e["c"] == "ACCESS" and "error" in e["attr"]]
    assert denied[-1]["attr"]["error"]["code"] == 13
    assert "not authorized on rate-db" in denied[-1]["attr"]["error"]["errmsg"]


def test_a_dropped_user_cannot_log_in() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.software.accounts.administer("mongodb-geo", "drop_user", user="admin")
    run = world.cluster.start_pod("geo")
    assert run.exit_code == 2
    assert any("SASL authentication step: Authentication failed." in line for _, line in run.lines)
    assert "UserNotFound" in world.cluster.text("mongodb-geo")


def test_without_consul_registration_fails() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.cluster.stop_pods("consul")
    run = world.cluster.start_pod("search")
    assert run.exit_code == 1
    assert "failed register: Put" in run.lines[-1][1]


def test_a_cpp_service_tries_again_every_second_until_its_database_is_there() -> None:
    world = World(load_app("social_network"))
    world.deploy()
    world.cluster.stop_pods("user-mongodb")
    world.cluster.stop_pods("user-service")
    run = world.cluster.start_pod("user-service")
    assert run.exits_after is None
    world.pass_time(20)
    text = world.cluster.text("user-service")
    assert 15 <= text.count("Failed to create mongodb index, try again") <= 21
    assert "No suitable servers found" in text
    assert "Failed to connect user-service-client" in world.cluster.text("compose-post-service")
    world.cluster.start_pod("user-mongodb")
    world.pass_time(20)
    assert world.traffic.error_share(5) == 0.0
    assert "Starting the user-service server..." in world.cluster.text("user-service")


def test_another_services_command_runs_that_service() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    template = next(
        d for d in world.cluster.items["Deployment"] if d["metadata"]["name"] == "profile"
    )["spec"]["template"]
    template["spec"]["containers"][0]["command"] = ["geo"]
    world.cluster.stop_pods("profile")
    run = world.cluster.start_pod("profile")
    assert run.listens == (8083,)
    world.pass_time(30)
    assert "SearchHandler GetProfiles failed" in world.cluster.text("frontend")


def test_unknown_software_just_listens() -> None:
    world = World(load_app("hotel_reservation"))
    pod = {"metadata": {"name": "x", "uid": "x", "namespace": "default"}, "spec": {}}
    container = {"name": "x", "image": "x:1", "ports": [{"containerPort": 80}]}
    run = world.software.programs.start(pod, container, world.cluster.time)
    assert run.listens == (80,)
    assert not world.software.programs.image_exists("x:1")
    assert world.software.programs.image_exists("mongo:4.4.6")
