"""Containers in their pods: files, environment, hooks, and programs that cannot be run."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.seams import PullProblem, Run
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    pod,
    service,
)
from tests.eval.environments.emulator.cluster.rich_programs import RichLab, rich_lab


@pytest.fixture
def rich() -> RichLab:
    return rich_lab()


CREATE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc"
    " create failed: unable to start container process: error during container init: exec: "
)


@pytest.mark.parametrize(
    ("run", "command", "words"),
    [
        ("not_found", ["serve"], '"serve": executable file not found in $PATH: unknown'),
        (
            "not_found",
            ["/bin/srv"],
            '"/bin/srv": stat /bin/srv: no such file or directory: unknown',
        ),
        ("permission", ["/app"], '"/app": permission denied: unknown'),
    ],
)
def test_a_program_that_cannot_be_run(
    rich: RichLab, run: str, command: list[str], words: str
) -> None:
    rich.programs.runs["app:1"] = Run(start_error=run)  # type: ignore[arg-type]
    rich.cluster.create(deployment("web", container(command=command)))
    rich.cluster.advance(60)
    state = rich.state("web")
    last = state["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (128, "StartError")
    assert last["message"] == CREATE + words
    assert state["state"]["waiting"]["reason"] in ("CrashLoopBackOff", "RunContainerError")
    assert state["restartCount"] >= 2
    assert f"Error: {CREATE}{words}" in rich.said("Failed")


@pytest.mark.parametrize(
    ("error", "reason"),
    [("create", "CreateContainerError"), ("config", "CreateContainerConfigError")],
)
def test_a_container_that_cannot_be_made(rich: RichLab, error: str, reason: str) -> None:
    rich.programs.runs["app:1"] = Run(start_error=error, detail="no way")  # type: ignore[arg-type]
    rich.cluster.create(deployment("web"))
    rich.cluster.advance(60)
    state = rich.state("web")
    assert state["state"]["waiting"] == {"reason": reason, "message": "no way"}
    assert state["restartCount"] == 0
    rich.programs.runs.clear()
    rich.cluster.advance(30)
    assert rich.state("web")["ready"]


@pytest.mark.parametrize(
    ("image", "problem", "words"),
    [
        ("reg.example.io/a:1", "unknown_host", "lookup reg.example.io on"),
        ("reg.example.io/a:1", "unauthorized", "401 Unauthorized"),
        ("team/a:1", "denied", "insufficient_scope: authorization failed"),
        ("team/a:1", "throttled", "429 Too Many Requests"),
        ("reg.example.io:5000/a:1", "refused", ":5000: connect: connection refused"),
        ("reg.example.io/a:1", "timeout", "i/o timeout"),
    ],
)
def test_pulls_fail_in_the_registrys_words(
    rich: RichLab, image: str, problem: PullProblem, words: str
) -> None:
    rich.programs.problems[image] = problem
    rich.cluster.create(deployment("web", container(image)))
    rich.cluster.advance(50)
    state = rich.state("web")["state"]["waiting"]
    assert state["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert any(words in text for text in rich.said("Failed"))


def test_a_missing_pull_secret_is_named(rich: RichLab) -> None:
    rich.cluster.create(plain("Secret", "good", stringData={"a": "b"}))
    secrets = [{"name": "good"}, {"name": "gone"}]
    rich.cluster.create(pod("p", imagePullSecrets=secrets))
    rich.cluster.advance(10)
    assert rich.said("FailedToRetrieveImagePullSecret") == {
        "Unable to retrieve some image pull secrets (gone); attempting to pull the image may not"
        " succeed."
    }
    assert rich.programs.secrets == ["good"]


def mounted(**mount: Json) -> Json:
    return container(volumeMounts=[{"name": "conf", "mountPath": "/etc/app", **mount}])


CONF = [{"name": "conf", "configMap": {"name": "conf"}}]


def files(lab: RichLab) -> dict[str, str]:
    found = lab.cluster.mounted(lab.pod("web"), "main")
    return {path: text for path, text in found.items() if path.startswith("/etc/app")}


def test_mounted_files_follow_within_ninety_seconds(rich: RichLab) -> None:
    rich.cluster.create(plain("ConfigMap", "conf", data={"a.yaml": "one", "b": "x"}))
    rich.cluster.create(deployment("web", mounted(), pod={"volumes": CONF}))
    rich.cluster.advance(10)
    assert files(rich) == {"/etc/app/a.yaml": "one", "/etc/app/b": "x"}
    rich.cluster.apply([plain("ConfigMap", "conf", data={"a.yaml": "two"})])
    assert files(rich)["/etc/app/a.yaml"] == "one"
    rich.cluster.advance(95)
    assert files(rich) == {"/etc/app/a.yaml": "two"}


def test_sub_paths_stay_as_they_were_at_the_start(rich: RichLab) -> None:
    rich.cluster.create(plain("ConfigMap", "conf", data={"a.yaml": "one"}))
    spec = mounted(mountPath="/etc/app/a.yaml", subPath="a.yaml")
    rich.cluster.create(deployment("web", spec, pod={"volumes": CONF}))
    rich.cluster.advance(10)
    rich.cluster.apply([plain("ConfigMap", "conf", data={"a.yaml": "two"})])
    rich.cluster.advance(120)
    assert files(rich) == {"/etc/app/a.yaml": "one"}
    rich.cluster.terminate(rich.pod("web"), "main")
    rich.cluster.advance(30)
    assert files(rich) == {"/etc/app/a.yaml": "two"}


def test_projected_secrets_and_fields_are_files(rich: RichLab) -> None:
    rich.cluster.create(plain("Secret", "s", stringData={"key": "hidden"}))
    sources = [
        {"secret": {"name": "s", "items": [{"key": "key", "path": "k"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
            }
        },
    ]
    volumes = [{"name": "conf", "projected": {"sources": sources}}]
    rich.cluster.create(pod("web", mounted(), volumes=volumes))
    rich.cluster.advance(10)
    assert files(rich) == {"/etc/app/k": "hidden", "/etc/app/labels": 'app="web"'}


def test_the_environment_is_that_of_the_start(rich: RichLab) -> None:
    rich.cluster.create(plain("ConfigMap", "conf", data={"HOST": "db", "PORT": "1"}))
    env = [
        {"name": "URL", "value": "tcp://$(HOST):$(PORT)/$$(x)$(NONE)"},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    spec = container(envFrom=[{"configMapRef": {"name": "conf"}}], env=env)
    rich.cluster.create(pod("web", spec))
    rich.cluster.advance(10)
    found = rich.cluster.environment(rich.pod("web"), "main")
    assert found == {
        "HOST": "db",
        "PORT": "1",
        "URL": "tcp://db:1/$(x)$(NONE)",
        "NAME": "web",
        "IP": rich.pod("web")["status"]["podIP"],
    }
    rich.cluster.apply([plain("ConfigMap", "conf", data={"HOST": "other"})])
    rich.cluster.advance(120)
    assert rich.cluster.environment(rich.pod("web"), "main")["HOST"] == "db"


def delete(lab: RichLab, name: str) -> None:
    lab.cluster.world.registry.delete(lab.cluster.world.store.kinds["Pod"], "shop", name)
    lab.cluster.world.manager.settle()


def test_a_pre_stop_sleep_keeps_the_program_serving(rich: RichLab) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 10"]}}}
    rich.cluster.create(pod("web", container(lifecycle=hook)))
    rich.cluster.create(service("web"))
    rich.cluster.advance(10)
    delete(rich, "web")
    rich.cluster.advance(5)
    assert rich.cluster.listening(rich.pod("web")) == {8080}
    assert rich.cluster.endpoints("shop", "web", 80) == ()
    rich.cluster.advance(5.1)
    assert rich.cluster.listening(rich.pod("web")) == frozenset()
    rich.cluster.advance(3)
    assert not rich.pods("web")


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(rich: RichLab) -> None:
    rich.programs.runs["app:1"] = Run(listens=(8080,), stops_after=600)
    rich.cluster.create(pod("web", terminationGracePeriodSeconds=20))
    rich.cluster.advance(10)
    delete(rich, "web")
    rich.cluster.advance(19)
    assert rich.pods("web")
    rich.cluster.advance(2)
    assert not rich.pods("web")


def test_hooks_that_fail_are_told(rich: RichLab) -> None:
    rich.programs.commands["boom"] = (1, "no")
    start = {"postStart": {"exec": {"command": ["boom"]}}}
    rich.cluster.create(pod("one", container(lifecycle=start)))
    stop = {"preStop": {"exec": {"command": ["boom"]}}}
    rich.cluster.create(pod("two", container(lifecycle=stop)))
    rich.cluster.advance(10)
    assert rich.said("FailedPostStartHook") == {"PostStartHook failed"}
    assert not rich.state("one")["ready"]
    delete(rich, "two")
    assert rich.said("FailedPreStopHook") == {"PreStopHook failed"}


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ("NOT_SERVING", 'service unhealthy (responded with "NOT_SERVING")'),
        ("", "timeout: health rpc did not complete within 1s"),
    ],
)
def test_grpc_and_exec_probes_ask_the_program(rich: RichLab, health: str, words: str) -> None:
    rich.programs.health = health
    rich.programs.commands["check"] = (3, "")
    grpc = container(readinessProbe={"grpc": {"port": 8080}})
    rich.cluster.create(pod("g", grpc))
    rich.cluster.create(pod("e", container(readinessProbe={"exec": {"command": ["check"]}})))
    rich.cluster.advance(20)
    assert rich.said("Unhealthy") == {
        f"Readiness probe failed: {words}",
        "Readiness probe failed: ",
    }


def test_last_words_become_the_termination_message(rich: RichLab) -> None:
    rich.programs.runs["app:1"] = Run(exits_after=3, exit_code=1, lines=((1, "bye"), (2, "now")))
    rich.cluster.create(pod("web", container(terminationMessagePolicy="FallbackToLogsOnError")))
    rich.cluster.advance(9)
    state = rich.state("web")
    last = state["lastState"].get("terminated") or state["state"]["terminated"]
    assert last["message"] == "bye\nnow\n"


def test_a_pod_past_its_deadline_fails(rich: RichLab) -> None:
    rich.cluster.create(pod("web", activeDeadlineSeconds=30))
    rich.cluster.advance(40)
    status = rich.pod("web")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_finalizers_hold_a_pod_and_its_namespace(rich: RichLab) -> None:
    held = pod("web")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    rich.cluster.create(held)
    rich.cluster.advance(10)
    kinds, registry = rich.cluster.world.store.kinds, rich.cluster.world.registry
    registry.delete(kinds["Namespace"], "", "shop")
    rich.cluster.advance(60)
    found = rich.get("Pod", "web")
    assert "deletionTimestamp" in found["metadata"] and not rich.cluster.listening(found)
    conditions = {
        item["type"]: item["message"]
        for item in rich.get("Namespace", "shop", "")["status"]["conditions"]
        if item["status"] == "True"
    }
    assert conditions == {
        "NamespaceContentRemaining": (
            "Some resources are remaining: pods has 1 resource instances"
        ),
        "NamespaceFinalizersRemaining": (
            "Some content in the namespace has finalizers remaining:"
            " example.com/hold in 1 resource instances"
        ),
    }
    freed = clone(found)
    freed["metadata"]["finalizers"] = []
    registry.update(kinds["Pod"], freed)
    rich.cluster.advance(20)
    assert rich.cluster.world.store.get("Namespace", "", "shop") is None


def test_foreground_deletion_waits_for_the_pods(rich: RichLab) -> None:
    rich.programs.runs["app:1"] = Run(listens=(8080,), stops_after=10)
    rich.cluster.create(deployment("web", replicas=2))
    rich.cluster.advance(20)
    kinds, registry = rich.cluster.world.store.kinds, rich.cluster.world.registry
    registry.delete(kinds["Deployment"], "shop", "web", propagation="Foreground")
    rich.cluster.advance(5)
    assert "deletionTimestamp" in rich.get("Deployment", "web")["metadata"]
    assert len(rich.pods("web")) == 2
    rich.cluster.advance(20)
    assert not rich.cluster.objects("Deployment", "shop") and not rich.pods("web")


def test_a_run_that_its_probe_ends_is_started_again_at_once_at_first(rich: RichLab) -> None:
    rich.programs.statuses["/bad"] = 500
    probe = {"httpGet": {"path": "/bad", "port": 8080}, "periodSeconds": 3}
    body = pod("p", container(livenessProbe=probe), terminationGracePeriodSeconds=1)
    rich.cluster.create(body)
    for restarts in (1, 2, 3):
        while rich.state("p")["restartCount"] < restarts:
            assert not rich.events("BackOff"), "the back-off counts from the end of the run before"
            rich.cluster.advance(1)
    rich.cluster.advance(25)
    assert rich.state("p")["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert rich.state("p")["restartCount"] == 3
    rich.cluster.advance(30)
    assert rich.state("p")["restartCount"] == 4


def test_a_probe_that_cannot_be_tried_counts_for_nothing(rich: RichLab) -> None:
    rich.programs.commands["nope"] = (127, "")
    rich.programs.commands["mute"] = (2, "")
    exec_probe = {"exec": {"command": ["nope"]}, "periodSeconds": 2, "failureThreshold": 2}
    http = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 2}
    rich.cluster.create(pod("p", container(livenessProbe=exec_probe, readinessProbe=http)))
    mute = {"exec": {"command": ["mute"]}, "periodSeconds": 2}
    rich.cluster.create(pod("q", container(readinessProbe=mute)))
    rich.cluster.advance(40)
    state = rich.state("p")
    assert state["restartCount"] == 0 and not state["ready"]
    said = rich.said("Unhealthy")
    errored = "probe errored and resulted in unknown state: "
    assert f'Readiness {errored}strconv.Atoi: parsing "web": invalid syntax' in said
    assert any(
        text.startswith(f"Liveness {errored}rpc error")
        and 'exec: "nope": executable file not found in $PATH: unknown' in text
        for text in said
    )
    assert "Readiness probe failed: " in said
