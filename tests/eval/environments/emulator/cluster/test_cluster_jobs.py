"""Jobs: indexes, work queues, what is counted; ephemeral containers of pods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import Json
from eval.environments.emulator.cluster.controllers.job_indexes import missing, ranges
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import clone, condition
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.seams import Run
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    plain,
    pod,
    template,
)
from tests.eval.environments.emulator.cluster.rich_programs import RichLab, rich_lab

INDEX = "batch.kubernetes.io/job-completion-index"


@pytest.fixture
def rich() -> RichLab:
    lab = rich_lab()
    lab.programs.runs["job:1"] = Run(exits_after=5)
    lab.programs.runs["bad:1"] = Run(exits_after=5, exit_code=1)
    return lab


def job(image: str = "job:1", **spec: Json) -> Json:
    body = template("j", container(image), restartPolicy="Never")
    return plain("Job", "j", api="batch/v1", spec={"template": body, **spec})


def test_an_indexed_job_runs_each_index_once(rich: RichLab) -> None:
    rich.cluster.create(job(completionMode="Indexed", completions=3, parallelism=2))
    rich.cluster.advance(5)
    first, second = rich.pods("j")
    assert [p["metadata"]["annotations"][INDEX] for p in (first, second)] == ["0", "1"]
    assert first["metadata"]["name"].startswith("j-0-")
    assert first["metadata"]["labels"][INDEX] == "0"
    assert first["spec"]["hostname"] == "j-0"
    started = rich.cluster.environment(second, "main")
    assert started["JOB_COMPLETION_INDEX"] == "1"
    rich.cluster.advance(60)
    status = rich.get("Job", "j")["status"]
    assert (status["succeeded"], status["completedIndexes"]) == (3, "0-2")
    assert {c["type"] for c in status["conditions"]} == {"SuccessCriteriaMet", "Complete"}


def test_a_failed_index_is_tried_again_and_the_others_stay_done(rich: RichLab) -> None:
    rich.programs.runs["bad:1"] = Run(exits_after=3, exit_code=1)
    rich.cluster.create(
        job("bad:1", completionMode="Indexed", completions=2, parallelism=2, backoffLimit=3)
    )
    rich.cluster.advance(8)
    rich.programs.runs["bad:1"] = Run(exits_after=3)
    rich.cluster.advance(200)
    status = rich.get("Job", "j")["status"]
    assert status["completedIndexes"] == "0,1"
    assert status["failed"] >= 2


def test_an_indexed_job_needs_completions(rich: RichLab) -> None:
    with pytest.raises(ApiError, match=r"spec\.completions: Required value: when completion mode"):
        rich.cluster.create(job(completionMode="Indexed", parallelism=2))


def test_a_work_queue_ends_when_one_has_succeeded_and_the_others_ended(rich: RichLab) -> None:
    rich.cluster.create(job(parallelism=3))
    assert "completions" not in rich.get("Job", "j")["spec"]
    rich.cluster.advance(2)
    assert len(rich.pods("j")) == 3
    rich.cluster.advance(30)
    status = rich.get("Job", "j")["status"]
    assert status["succeeded"] == 3 and condition(rich.get("Job", "j"), "Complete")


def test_deleted_pods_stay_counted_and_stopped_ones_count_as_failed(rich: RichLab) -> None:
    rich.cluster.create(job(completions=2))
    while not (done := [p for p in rich.pods("j") if p["status"]["phase"] == "Succeeded"]):
        rich.cluster.advance(1)
    rich.cluster.world.registry.delete(BY_KIND["Pod"], "shop", done[0]["metadata"]["name"])
    rich.cluster.advance(60)
    assert rich.get("Job", "j")["status"]["succeeded"] == 2
    late = job("app:1", activeDeadlineSeconds=10)
    late["metadata"]["name"] = "late"
    rich.cluster.create(late)
    rich.cluster.advance(60)
    status = rich.get("Job", "late")["status"]
    assert status["failed"] == 1
    assert {c["type"] for c in status["conditions"]} == {"FailureTarget", "Failed"}


@given(st.sets(st.integers(0, 40)))
def test_ranges_say_the_same_indexes(indexes: set[int]) -> None:
    said: set[int] = set()
    for part in filter(None, ranges(indexes).split(",")):
        first, _, last = part.partition("-")
        said.update(range(int(first), int(last or first) + 1))
    assert said == indexes
    assert set(missing(41, indexes)) == set(range(41)) - indexes


def debug(lab: RichLab, **container: str) -> Json:
    new = clone(lab.get("Pod", "p"))
    new["spec"].setdefault("ephemeralContainers", []).append(container)
    return lab.cluster.world.registry.update(BY_KIND["Pod"], new, subresource="ephemeralcontainers")


def test_an_ephemeral_container_runs_beside_the_others(rich: RichLab) -> None:
    rich.cluster.create(pod("p"))
    rich.cluster.advance(10)
    rich.programs.runs["busybox:1"] = Run(exits_after=20)
    debug(rich, name="probe", image="busybox:1")
    rich.cluster.advance(10)
    status = rich.get("Pod", "p")["status"]
    (extra,) = status["ephemeralContainerStatuses"]
    assert "running" in extra["state"] and extra["name"] == "probe" and not extra["ready"]
    assert [c["name"] for c in status["containerStatuses"]] == ["main"]
    rich.cluster.advance(60)
    pod_now = rich.get("Pod", "p")
    (extra,) = pod_now["status"]["ephemeralContainerStatuses"]
    assert extra["state"]["terminated"]["exitCode"] == 0 and extra["restartCount"] == 0
    assert pod_now["status"]["phase"] == "Running" and condition(pod_now, "Ready")
    fields = {e["involvedObject"].get("fieldPath") for e in rich.events("Started")}
    assert "spec.ephemeralContainers{probe}" in fields


def test_ephemeral_containers_only_join_through_their_own_door(rich: RichLab) -> None:
    rich.cluster.create(pod("p"))
    rich.cluster.advance(10)
    debug(rich, name="probe", image="busybox:1")
    with pytest.raises(ApiError, match=r'ephemeralContainers\[1\]\.name: Duplicate value: "probe"'):
        debug(rich, name="probe", image="other:1")
    with pytest.raises(ApiError, match=r'Duplicate value: "main"'):
        debug(rich, name="main", image="other:1")
    registry, resource = rich.cluster.world.registry, BY_KIND["Pod"]
    bare = clone(rich.get("Pod", "p"))
    del bare["spec"]["ephemeralContainers"]
    with pytest.raises(ApiError, match=r'containers "probe" may not be removed'):
        registry.update(resource, bare, subresource="ephemeralcontainers")
    with pytest.raises(ApiError, match="pod updates may not change fields"):
        registry.update(resource, bare)
