from __future__ import annotations

import pytest

from eval.environments.emulator.cluster.objects import condition, is_true
from eval.environments.emulator.seams import Run
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    SERVER,
    container,
    deployment,
    plain,
    pod,
)
from tests.eval.environments.emulator.cluster.conftest import Lab

UNKNOWN = "app:none"


def env(kind: str, name: str, key: str) -> dict:
    return container(env=[{"name": "A", "valueFrom": {kind: {"name": name, "key": key}}}])


def test_a_missing_image_backs_off_and_recovers(lab: Lab) -> None:
    lab.programs.missing.add(UNKNOWN)
    lab.cluster.create(deployment("web", container(UNKNOWN)))
    lab.cluster.advance(3)
    waiting = lab.state("web")["state"]["waiting"]
    assert waiting["reason"] == "ErrImagePull"
    assert waiting["message"] == (
        "rpc error: code = NotFound desc = failed to pull and unpack image"
        ' "docker.io/library/app:none": failed to resolve reference'
        ' "docker.io/library/app:none": docker.io/library/app:none: not found'
    )
    lab.cluster.advance(600)
    assert lab.state("web")["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert sum(event["count"] for event in lab.events("BackOff")) > 10
    texts = {event["message"] for event in lab.events("Failed")}
    assert {"Error: ErrImagePull", "Error: ImagePullBackOff"} < texts
    lab.programs.missing.clear()
    lab.cluster.advance(330)
    assert lab.state("web")["ready"]


def test_a_crash_loop_doubles_its_waits_and_keeps_the_last_log(lab: Lab) -> None:
    lab.programs.runs["app:1"] = Run(exits_after=2, exit_code=2, lines=((1.0, "boom"), (9.0, "no")))
    lab.cluster.create(deployment("web"))
    restarts = []
    for seconds in (30, 60, 120, 240, 480, 960):
        lab.cluster.advance(seconds)
        restarts.append(lab.state("web")["restartCount"])
    assert restarts == sorted(restarts) and 6 <= restarts[-1] <= 11
    while "running" not in lab.state("web")["state"]:
        lab.cluster.advance(1)
    while "running" in lab.state("web")["state"]:
        lab.cluster.advance(1)
    assert lab.state("web")["state"]["terminated"]["reason"] == "Error"
    lab.cluster.advance(8)  # the kubelet looks again, and says why it waits, after 10 to 15 s
    assert "terminated" in lab.state("web")["state"]
    lab.cluster.advance(9)
    status = lab.state("web")
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    name, uid = lab.pod("web")["metadata"]["name"], lab.pod("web")["metadata"]["uid"]
    assert status["state"]["waiting"]["message"] == (
        f"back-off 5m0s restarting failed container=main pod={name}_shop({uid})"
    )
    last = status["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (2, "Error")
    assert lab.pod("web")["status"]["phase"] == "Running"
    (back_off,) = lab.events("BackOff")
    assert back_off["message"] == (
        f"Back-off restarting failed container main in pod {name}_shop({uid})"
    )
    lab.programs.runs["app:1"] = SERVER
    lab.cluster.advance(330)
    assert lab.state("web")["ready"]


def test_an_oom_kill_is_told_by_state_only(lab: Lab) -> None:
    lab.programs.runs["app:1"] = Run(exits_after=5, oom=True)
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(60)
    last = lab.state("web")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")
    assert not lab.events("OOMKilling")


def test_a_program_that_ends_during_the_run_is_restarted_once(lab: Lab) -> None:
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(700)
    assert lab.cluster.terminate(lab.pod("web"), "main", 2)
    assert lab.state("web")["state"]["terminated"]["exitCode"] == 2
    assert not lab.cluster.terminate(lab.pod("web"), "main", 2)
    lab.cluster.advance(3)
    assert lab.state("web")["restartCount"] == 1 and lab.state("web")["ready"]


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        (env("secretKeyRef", "s", "k"), "Secret", 'secret "s" not found'),
        (env("configMapKeyRef", "s", "k"), "ConfigMap", 'configmap "s" not found'),
        (container(envFrom=[{"secretRef": {"name": "s"}}]), "Secret", 'secret "s" not found'),
    ],
)
def test_missing_configuration_is_named_and_its_arrival_heals(
    lab: Lab, spec: dict, kind: str, message: str
) -> None:
    lab.cluster.create(deployment("web", spec))
    lab.cluster.advance(20)
    waiting = lab.state("web")["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": message}
    assert f"Error: {message}" in {event["message"] for event in lab.events("Failed")}
    values = {"stringData": {"k": "v"}} if kind == "Secret" else {"data": {"k": "v"}}
    lab.cluster.create(plain(kind, "s", **values))
    lab.cluster.advance(20)
    assert lab.state("web")["ready"]


def test_a_missing_key_is_told_apart_from_a_missing_object(lab: Lab) -> None:
    lab.cluster.create(plain("Secret", "s", stringData={"other": "v"}))
    lab.cluster.create(deployment("web", env("secretKeyRef", "s", "k")))
    lab.cluster.advance(10)
    assert lab.state("web")["state"]["waiting"]["message"] == "couldn't find key k in Secret shop/s"


def test_a_missing_volume_keeps_the_container_creating(lab: Lab) -> None:
    volumes = [{"name": "conf", "configMap": {"name": "gone"}}]
    lab.cluster.create(deployment("web", pod={"volumes": volumes}))
    lab.cluster.advance(60)
    assert lab.state("web")["state"]["waiting"]["reason"] == "ContainerCreating"
    (event,) = lab.events("FailedMount")
    assert event["message"] == (
        'MountVolume.SetUp failed for volume "conf" : configmap "gone" not found'
    )
    assert 5 <= event["count"] <= 8 and event["source"]["component"] == "kubelet"
    lab.cluster.create(plain("ConfigMap", "gone", data={}))
    lab.cluster.advance(130)
    assert lab.state("web")["ready"]


def test_init_containers_run_before_and_hold_the_pod(lab: Lab) -> None:
    lab.programs.runs["init:1"] = Run(exits_after=8, exit_code=1)
    init = {"name": "wait", "image": "init:1"}
    lab.cluster.create(deployment("web", pod={"initContainers": [init]}))
    lab.cluster.advance(40)
    found = lab.pod("web")
    assert found["status"]["phase"] == "Pending"
    assert condition(found, "Initialized")["message"] == (
        "containers with incomplete status: [wait]"
    )
    assert lab.state("web")["state"]["waiting"]["reason"] == "PodInitializing"
    assert "app:1" not in lab.programs.starts
    lab.programs.runs["init:1"] = Run(exits_after=1)
    lab.cluster.advance(120)
    (first,) = lab.pod("web")["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["reason"] == "Completed" and first["ready"]
    assert lab.state("web")["ready"]


@pytest.mark.parametrize(
    ("probe", "status", "words"),
    [
        (
            {"httpGet": {"port": "http", "path": "/x"}},
            503,
            "HTTP probe failed with statuscode: 503",
        ),
        (
            {"httpGet": {"port": 8080, "path": "/x"}},
            0,
            'Get "http://{ip}:8080/x": context deadline exceeded'
            " (Client.Timeout exceeded while awaiting headers)",
        ),
        (
            {"httpGet": {"port": 9, "path": "/x"}},
            200,
            'Get "http://{ip}:9/x": dial tcp {ip}:9: connect: connection refused',
        ),
        ({"tcpSocket": {"port": 9}}, 200, "dial tcp {ip}:9: connect: connection refused"),
        (
            {"grpc": {"port": 9}},
            200,
            'timeout: failed to connect service "{ip}:9" within 1s: context deadline exceeded',
        ),
        ({"exec": {"command": ["cat", "/tmp/ok"]}}, 200, "cat: /tmp/ok: No such file or directory"),
    ],
)
def test_readiness_failures_say_why(lab: Lab, probe: dict, status: int, words: str) -> None:
    lab.programs.statuses["/x"] = status
    lab.cluster.create(deployment("web", container(readinessProbe=probe)))
    lab.cluster.advance(60)
    found = lab.pod("web")
    assert not is_true(found, "Ready") and lab.state("web")["restartCount"] == 0
    assert condition(found, "Ready")["message"] == "containers with unready status: [main]"
    (event,) = lab.events("Unhealthy")
    assert event["message"] == "Readiness probe failed: " + words.format(
        ip=found["status"]["podIP"]
    )
    assert event["count"] > 3


@pytest.mark.parametrize(("needs", "at_20", "code"), [(60.0, 0, 137), (1.5, 1, 143)])
def test_liveness_kills_who_does_not_end_within_the_grace_period(
    lab: Lab, needs: float, at_20: int, code: int
) -> None:
    lab.programs.runs["app:1"] = Run(listens=(8080,), stops_after=needs, stop_code=143)
    lab.programs.statuses["/live"] = 500
    probe = {"httpGet": {"port": "http", "path": "/live"}, "periodSeconds": 3}
    lab.cluster.create(deployment("web", container(livenessProbe=probe)))
    lab.cluster.advance(20)
    assert lab.state("web")["restartCount"] == at_20
    killing = lab.events("Killing")[0]
    assert killing["message"] == "Container main failed liveness probe, will be restarted"
    lab.cluster.advance(35)
    assert lab.state("web")["restartCount"] >= 1
    assert lab.state("web")["lastState"]["terminated"]["exitCode"] == code


def test_a_startup_probe_holds_the_others_back(lab: Lab) -> None:
    slow = Run(listens=(8080,), ready_after=25)
    lab.programs.runs["app:1"] = slow
    probes = {
        "startupProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 5, "failureThreshold": 10},
        "livenessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
    }
    lab.cluster.create(deployment("web", container(**probes)))
    lab.cluster.advance(20)
    assert not lab.state("web")["started"] and not lab.events("Killing")
    lab.cluster.advance(60)
    assert lab.state("web")["started"] and lab.state("web")["ready"]
    assert lab.state("web")["restartCount"] == 0


def test_ports_listen_only_while_the_program_serves(lab: Lab) -> None:
    lab.programs.runs["app:1"] = Run(listens=(8080, 9090), ready_after=10)
    lab.cluster.create(pod("solo"))
    lab.cluster.advance(6)
    assert lab.state("solo")["state"].get("running")
    assert lab.cluster.listening(lab.pod("solo")) == frozenset()
    lab.cluster.advance(10)
    assert lab.cluster.listening(lab.pod("solo")) == {8080, 9090}
    lab.cluster.terminate(lab.pod("solo"), "main")
    assert lab.cluster.listening(lab.pod("solo")) == frozenset()


def test_restart_policy_never_ends_the_pod(lab: Lab) -> None:
    lab.programs.runs["ok:1"] = Run(exits_after=3)
    lab.programs.runs["bad:1"] = Run(exits_after=3, exit_code=4)
    for name, image in (("good", "ok:1"), ("evil", "bad:1")):
        lab.cluster.create(pod(name, container(image), restartPolicy="Never"))
    lab.cluster.advance(60)
    assert lab.pod("good")["status"]["phase"] == "Succeeded"
    assert lab.pod("evil")["status"]["phase"] == "Failed"
    assert condition(lab.pod("good"), "Ready")["reason"] == "PodCompleted"
