"""CronJobs, autoscalers and disruption budgets."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import Json
from eval.environments.emulator.cluster.controllers.cron import ScheduleError, parse
from eval.environments.emulator.cluster.objects import condition
from eval.environments.emulator.seams import Run, Used
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    template,
)
from tests.eval.environments.emulator.cluster.rich_programs import RichLab, rich_lab

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def rich() -> RichLab:
    lab = rich_lab()
    lab.programs.runs["job:1"] = Run(exits_after=5)
    lab.programs.runs["bad:1"] = Run(exits_after=5, exit_code=1)
    lab.programs.runs["long:1"] = Run(exits_after=200)
    return lab


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("*/5 * * * *", UTC, "2026-01-05T12:05:00+00:00"),
        ("0 9 * * mon-fri", UTC, "2026-01-06T09:00:00+00:00"),
        ("30 4 1,15 * *", UTC, "2026-01-15T04:30:00+00:00"),
        ("0 0 13 * 5", UTC, "2026-01-09T00:00:00+00:00"),
        ("@hourly", UTC, "2026-01-05T13:00:00+00:00"),
        ("0 0 29 2 *", UTC, "2028-02-29T00:00:00+00:00"),
        ("0 8 * * *", ZoneInfo("America/New_York"), "2026-01-05T13:00:00+00:00"),
        ("0 0 * * 7", UTC, "2026-01-11T00:00:00+00:00"),
    ],
)
def test_schedules_are_read_as_cron_reads_them(text: str, zone: ZoneInfo, expected: str) -> None:
    found = parse(text).next(NOON, zone)
    assert found is not None and found.isoformat() == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * * *", "expected exactly 5 fields, found 4"),
        ("61 * * * *", "above maximum"),
        ("x * * * *", "failed to parse int from x"),
        ("@sometimes", "unrecognized descriptor"),
        ("*/0 * * * *", "step of range should be a positive number"),
    ],
)
def test_bad_schedules_are_refused(text: str, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        parse(text)


@given(minute=st.integers(0, 59), hour=st.integers(0, 23), days=st.integers(0, 700))
def test_the_next_time_is_later_and_matches(minute: int, hour: int, days: int) -> None:
    after = datetime.fromtimestamp(NOON.timestamp() + days * 86_399, UTC)
    found = parse(f"{minute} {hour} * * *").next(after, UTC)
    assert found is not None and found > after
    assert (found.minute, found.hour) == (minute, hour)
    assert (found - after).total_seconds() <= 86_400


def cron(image: str = "job:1", schedule: str = "*/5 * * * *", **spec: Json) -> Json:
    body = template("tick", container(image), restartPolicy="Never")
    job = {"spec": {"template": body, "backoffLimit": 0}}
    return plain(
        "CronJob", "tick", api="batch/v1", spec={"schedule": schedule, "jobTemplate": job, **spec}
    )


def jobs(lab: RichLab) -> list[str]:
    return [job["metadata"]["name"] for job in lab.cluster.objects("Job", "shop")]


def test_a_cron_job_runs_on_time_and_keeps_three(rich: RichLab) -> None:
    rich.cluster.create(cron())
    rich.cluster.advance(301)
    (name,) = jobs(rich)
    number = int(datetime(2026, 1, 5, 9, 5, tzinfo=UTC).timestamp()) // 60
    assert name == f"tick-{number}"
    assert rich.said("SuccessfulCreate") >= {f"Created job {name}"}
    rich.cluster.advance(60)
    assert rich.said("SawCompletedJob") == {f"Saw completed job: {name}, condition: Complete"}
    status = rich.get("CronJob", "tick")["status"]
    assert status["lastScheduleTime"] == "2026-01-05T09:05:00Z"
    assert "active" not in status and status["lastSuccessfulTime"] > "2026-01-05T09:05"
    rich.cluster.advance(1800)
    assert len(jobs(rich)) == 3
    assert f"Deleted job {name}" in rich.said("SuccessfulDelete")


def test_failed_jobs_are_kept_apart(rich: RichLab) -> None:
    rich.cluster.create(cron("bad:1"))
    rich.cluster.advance(1000)
    (job,) = rich.cluster.objects("Job", "shop")
    found = condition(job, "Failed")
    assert found is not None and found["reason"] == "BackoffLimitExceeded"


@pytest.mark.parametrize(("policy", "running"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_concurrency_policies(rich: RichLab, policy: str, running: int) -> None:
    rich.cluster.create(cron("long:1", "* * * * *", concurrencyPolicy=policy))
    rich.cluster.advance(200)
    assert len(rich.get("CronJob", "tick")["status"]["active"]) == running
    said = rich.said("JobAlreadyActive")
    assert bool(said) is (policy == "Forbid")
    if policy == "Replace":
        assert rich.said("SuccessfulDelete")


def test_suspended_and_unreadable_cron_jobs_start_nothing(rich: RichLab) -> None:
    rich.cluster.create(cron(suspend=True))
    rich.cluster.advance(900)
    assert not jobs(rich)
    spec = rich.get("CronJob", "tick")["spec"]
    stored = rich.get("CronJob", "tick")
    rich.cluster.world.store.put(
        {**stored, "metadata": dict(stored["metadata"]), "spec": {**spec, "timeZone": "Mars/Base"}}
    )
    rich.cluster.world.manager.settle()
    assert rich.said("UnknownTimeZone") == {
        'invalid timeZone: "Mars/Base": unknown time zone Mars/Base'
    }


def test_a_job_past_its_deadline_fails(rich: RichLab) -> None:
    spec = {
        "template": template("j", container("long:1"), restartPolicy="Never"),
        "activeDeadlineSeconds": 30,
        "ttlSecondsAfterFinished": 60,
    }
    rich.cluster.create(plain("Job", "j", api="batch/v1", spec=spec))
    rich.cluster.advance(40)
    found = condition(rich.get("Job", "j"), "Failed")
    assert found is not None and found["reason"] == "DeadlineExceeded"
    assert rich.said("DeadlineExceeded") == {"Job was active longer than specified deadline"}
    rich.cluster.advance(60)
    assert not jobs(rich)


def scaler(low: int = 1, high: int = 6, percent: int = 50, **spec: Json) -> Json:
    metric = {
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": percent},
        },
    }
    return plain(
        "HorizontalPodAutoscaler",
        "web",
        api="autoscaling/v2",
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": low,
            "maxReplicas": high,
            "metrics": [metric],
            **spec,
        },
    )


def conditions(lab: RichLab) -> dict[str, tuple[str, str]]:
    found = lab.get("HorizontalPodAutoscaler", "web")["status"]["conditions"]
    return {item["type"]: (item["status"], item["reason"]) for item in found}


def test_an_autoscaler_follows_the_load_up_and_slowly_down(rich: RichLab) -> None:
    asked = container(resources={"requests": {"cpu": "100m"}})
    rich.programs.used["web"] = Used(cores=0.05)
    rich.cluster.create(deployment("web", asked, replicas=2))
    rich.cluster.advance(30)
    rich.cluster.create(scaler())
    rich.cluster.advance(60)
    assert conditions(rich) == {
        "AbleToScale": ("True", "ReadyForNewScale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
    }
    rich.programs.used["web"] = Used(cores=0.1)
    rich.cluster.advance(15)
    assert rich.get("Deployment", "web")["spec"]["replicas"] == 4
    assert rich.said("SuccessfulRescale") == {
        "New size: 4; reason: cpu resource utilization (percentage of request) above target"
    }
    rich.cluster.advance(60)
    assert rich.get("Deployment", "web")["spec"]["replicas"] == 6
    assert conditions(rich)["ScalingLimited"] == ("True", "TooManyReplicas")
    rich.programs.used["web"] = Used(cores=0.01)
    rich.cluster.advance(120)
    assert rich.get("Deployment", "web")["spec"]["replicas"] == 6
    assert conditions(rich)["AbleToScale"] == ("True", "ScaleDownStabilized")
    rich.cluster.advance(400)
    assert rich.get("Deployment", "web")["spec"]["replicas"] < 3
    assert any(text.endswith("All metrics below target") for text in rich.said("SuccessfulRescale"))


def test_without_requests_there_is_no_utilization(rich: RichLab) -> None:
    rich.programs.used["web"] = Used(cores=0.05)
    rich.cluster.create(deployment("web"))
    rich.cluster.advance(30)
    rich.cluster.create(scaler())
    name = rich.pod("web")["metadata"]["name"]
    why = f"failed to get cpu utilization: missing request for cpu in container main of Pod {name}"
    assert rich.said("FailedGetResourceMetric") == {why}
    assert rich.said("FailedComputeMetricsReplicas") == {
        "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric"
        f" value: {why}"
    }
    assert conditions(rich)["ScalingActive"] == ("False", "FailedGetResourceMetric")


def test_without_a_metrics_server_there_are_no_metrics(rich: RichLab) -> None:
    asked = container(resources={"requests": {"cpu": "100m"}})
    rich.programs.used["web"] = Used(cores=0.05)
    rich.cluster.create(deployment("web", asked))
    server = rich.get("Deployment", "metrics-server", "kube-system")
    rich.cluster.apply([{**server, "spec": {**server["spec"], "replicas": 0}}])
    rich.cluster.advance(30)
    rich.cluster.create(scaler())
    assert rich.said("FailedGetResourceMetric") == {
        "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch"
        " metrics from resource metrics API: the server is currently unable to handle the request"
        " (get pods.metrics.k8s.io)"
    }


def test_an_autoscaler_without_a_target_says_so(rich: RichLab) -> None:
    rich.cluster.create(scaler())
    assert rich.said("FailedGetScale") == {'deployments.apps "web" not found'}
    assert conditions(rich) == {"AbleToScale": ("False", "FailedGetScale")}


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 2, 1),
        ({"minAvailable": "100%"}, 3, 0),
        ({"maxUnavailable": 1}, 2, 1),
        ({"maxUnavailable": "50%"}, 1, 2),
        ({"minAvailable": 5}, 5, 0),
    ],
)
def test_budgets_count(rich: RichLab, spec: Json, desired: int, allowed: int) -> None:
    rich.cluster.create(deployment("web", replicas=3))
    rich.cluster.advance(30)
    selector = {"matchLabels": {"app": "web"}}
    rich.cluster.create(
        plain("PodDisruptionBudget", "web", api="policy/v1", spec={"selector": selector, **spec})
    )
    status = rich.get("PodDisruptionBudget", "web")["status"]
    assert (status["currentHealthy"], status["desiredHealthy"]) == (3, desired)
    assert status["disruptionsAllowed"] == allowed
    reason = "SufficientPods" if allowed else "InsufficientPods"
    assert status["conditions"][0]["reason"] == reason
