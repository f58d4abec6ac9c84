from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connectors.alertmanager.settings import AlertmanagerSettings
from connectors.alertmanager.source import AlertmanagerAlerts
from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceRejected,
    SourceUnreachable,
)
from connectors.api.values import LogSelector
from connectors.jaeger.settings import JaegerSettings
from connectors.jaeger.source import JaegerTraces
from connectors.kubernetes.reader import open_reader
from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.writer import open_writer
from connectors.loki.settings import LokiSettings
from connectors.loki.source import LokiLogs
from connectors.prometheus.settings import PrometheusSettings
from connectors.prometheus.source import PrometheusMetrics
from copilot.config.settings import Settings
from copilot.model.action import Scale
from copilot.model.errors import PolicyError, UsageError
from copilot.model.scope import ObjectRef
from copilot.tools.redact import redact, redact_object
from eval.recording.bound import check, try_out
from eval.recording.bundle import load, save, validate
from eval.recording.diagnose import diagnose
from eval.recording.grade import NOT_GRADABLE, Grades, grade
from eval.recording.replay import Replay
from eval.recording.schema import BoundFault, BoundPart, document
from tests.eval.recording.recorded import NAMESPACE, STEP, Recorded, recorded, said

_MISSING = "not recorded"


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    found = asyncio.run(recorded("service_target_port", "geo"))
    path = tmp_path_factory.mktemp("bundle") / "geo.zip"
    save(path, found.bundle)
    assert validate(path) == []
    return Recorded(load(path), found.live, found.answers)


@pytest.fixture
async def replay(incident: Recorded) -> AsyncIterator[Replay]:
    found = await Replay.open(incident.bundle)
    yield found
    await found.close()


async def test_the_engine_says_the_same_of_the_recording(incident: Recorded) -> None:
    replay = await Replay.open(incident.bundle)
    try:
        again = await diagnose(replay, Settings())
    finally:
        await replay.close()
    assert said(again) == said(incident.live)
    grades = grade(again, incident.bundle.truth)
    assert (grades.detection, grades.localization, grades.analysis) == (True, True, True)
    assert grades.right
    assert grades.data["mitigation"] == NOT_GRADABLE


async def test_the_bundle_holds_every_source(incident: Recorded) -> None:
    bundle = incident.bundle
    kinds = {obj["kind"] for obj in bundle.objects}
    assert {"Pod", "Service", "Deployment", "Event", "Node", "ConfigMap"} <= kinds
    assert all(obj["metadata"].get("namespace", NAMESPACE) == NAMESPACE for obj in bundle.objects)
    assert bundle.series
    assert bundle.streams
    assert bundle.traces
    assert bundle.pod_logs
    assert [alert.name for alert in bundle.alerts] == ["Errors"]
    assert bundle.manifest.notes == []


async def test_what_is_outside_of_the_recorded_cluster_is_refused(replay: Replay) -> None:
    reader = replay.reader
    assert await reader.list("Pod", NAMESPACE)
    assert await reader.list("Node")
    # recorded, and empty in truth
    assert await reader.list("DaemonSet", NAMESPACE) == []
    for asked in (
        reader.list("Pod", "kube-system"),
        reader.list("Pod"),
        reader.list("Lease", "default"),
        reader.get("Pod", "default", "x"),
        reader.logs("default", "x"),
    ):
        with pytest.raises(SourceForbidden, match=_MISSING):
            await asked
    assert await reader.can("list", "Pod", NAMESPACE)
    assert not await reader.can("list", "Pod", "default")
    assert not await reader.can("delete", "Pod", NAMESPACE)
    assert (await reader.list("Pod", NAMESPACE, fields="status.phase=Running")) != []


async def test_nothing_can_be_changed(replay: Replay) -> None:
    with pytest.raises(PolicyError, match="recording"):
        _ = replay.writer
    writer = await open_writer(KubernetesSettings(kubeconfig=replay.kubeconfig))
    try:
        with pytest.raises(SourceForbidden, match="this is a recording"):
            await writer.delete("Service", NAMESPACE, "geo")
        with pytest.raises(SourceForbidden, match="this is a recording"):
            await writer.patch("Service", NAMESPACE, "geo", {"spec": {}})
    finally:
        await writer.close()


async def test_the_samples_are_those_of_the_store(replay: Replay, incident: Recorded) -> None:
    metrics = PrometheusMetrics(PrometheusSettings(url=replay.prometheus_url))
    window = replay.scope.window
    try:
        for query, live in incident.answers.items():
            assert live, query
            again = await metrics.query_range(query, window.baseline_start, window.end, STEP)
            order = [sorted(one.labels.items()) for one in live]
            assert [sorted(one.labels.items()) for one in again] == order
            for one, other in zip(again, live, strict=True):
                assert [at for at, _ in one.points] == [at for at, _ in other.points]
                assert [v for _, v in one.points] == pytest.approx(
                    [v for _, v in other.points], rel=1e-6
                )
    finally:
        await metrics.close()


async def test_metrics_outside_of_the_recording_are_refused(replay: Replay) -> None:
    metrics = PrometheusMetrics(PrometheusSettings(url=replay.prometheus_url))
    now, window = replay.clock.now(), replay.scope.window
    try:
        assert await metrics.query(
            f'container_memory_working_set_bytes{{namespace="{NAMESPACE}"}}', now
        )
        # looked for when it was recorded, and not there
        assert await metrics.query("istio_requests_total", now) == []
        for query in (
            "no_such_metric",
            'container_memory_working_set_bytes{namespace="default"}',
            'container_memory_working_set_bytes{namespace=~"default|kube-system"}',
            "rate(container_cpu_usage_seconds_total[1d])",
            "container_memory_working_set_bytes offset 1d",
            '{__name__=~"no_such_.*"}',
            "sum(up) + no_such_metric",
        ):
            with pytest.raises(SourceRejected, match=_MISSING):
                await metrics.query(query, now)
        for start, end in (
            (window.baseline_start - timedelta(hours=3), now),
            (now, now + timedelta(hours=1)),
        ):
            with pytest.raises(SourceRejected, match=_MISSING):
                await metrics.query_range("up", start, end, 60)
    finally:
        await metrics.close()


async def test_other_sources_answer_what_they_had_and_refuse_the_rest(replay: Replay) -> None:
    window = replay.scope.window
    before = window.baseline_start - timedelta(hours=2)
    logs = LokiLogs(LokiSettings(url=replay.loki_url))
    traces = JaegerTraces(JaegerSettings(url=replay.jaeger_url))
    alerts = AlertmanagerAlerts(AlertmanagerSettings(url=replay.alertmanager_url))
    try:
        selector = LogSelector(namespace=NAMESPACE)
        assert (await logs.lines(selector, window.start, window.end)).lines
        with pytest.raises(ConnectorError, match=_MISSING):
            await logs.lines(selector, before, window.end)
        with pytest.raises(ConnectorError, match=_MISSING):
            await logs.lines(LogSelector(namespace="default"), window.start, window.end)
        service = (await traces.services())[0]
        found = await traces.traces(service, window.start, window.end)
        assert (await traces.trace(found[0].id)).id == found[0].id
        assert await traces.dependencies(window.start, window.end)
        for asked in (
            traces.traces(service, before, window.end),
            traces.traces("nobody", window.start, window.end),
            traces.operations("nobody"),
            traces.trace("abc"),
        ):
            with pytest.raises(ConnectorError, match=_MISSING):
                await asked
        open_ = await alerts.alerts(window.end)
        assert [(one.name, one.state) for one in open_] == [("Errors", "firing")]
        assert "hunter2secret" not in str(open_[0].annotations)
        other = AlertmanagerSettings(url=replay.alertmanager_url, matchers=('namespace="default"',))
        elsewhere = AlertmanagerAlerts(other)
        with pytest.raises(ConnectorError, match=_MISSING):
            await elsewhere.alerts(window.end)
        await elsewhere.close()
    finally:
        for source in (logs, traces, alerts):
            await source.close()


async def test_a_log_is_the_one_that_was_recorded(replay: Replay, incident: Recorded) -> None:
    line = next(one for one in incident.bundle.pod_logs if len(one.lines) > 3)
    text = await replay.reader.logs(line.namespace, line.pod, line.container, tail=2)
    assert [row.split(" ", 1)[1] for row in text.splitlines()] == [t for _, t in line.lines[-2:]]


def test_everything_passed_the_redactor(incident: Recorded) -> None:
    bundle = incident.bundle
    assert [redact_object(obj) for obj in bundle.objects] == list(bundle.objects)
    assert not any(
        o.get("data") or o.get("stringData") for o in bundle.objects if o["kind"] == "Secret"
    )
    for log in bundle.pod_logs:
        assert [redact(text) for _, text in log.lines] == [text for _, text in log.lines]


def test_the_same_content_is_the_same_file_and_fits_the_schema(
    tmp_path: Path, incident: Recorded
) -> None:
    first, second = tmp_path / "b.zip", tmp_path / "c.zip"
    save(first, incident.bundle)
    save(second, load(first))
    assert first.read_bytes() == second.read_bytes()
    defs = document()["$defs"]
    with zipfile.ZipFile(first) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            rows = text.splitlines()[:3] if name.endswith(".jsonl") else [text]
            schema = {**defs[name], "$defs": defs}
            checker = jsonschema.validators.validator_for(schema)
            checker.check_schema(schema)
            for row in rows:
                checker(schema).validate(json.loads(row))


async def test_kubectl_reads_a_replay_and_is_told_what_is_missing(replay: Replay) -> None:
    reader = await open_reader(KubernetesSettings(kubeconfig=replay.kubeconfig))

    async def kubectl(*words: str) -> str:
        try:
            found = await reader.kubectl(words)
        except SourceUnreachable as error:
            pytest.skip(f"no kubectl: {error}")
        return f"{found.code} {found.stdout}{found.stderr}"

    try:
        assert "service/geo" in await kubectl("get", "service", "-n", NAMESPACE, "-o", "name")
        assert _MISSING in await kubectl("get", "pods", "-n", "default")
        assert "0 yes" in await kubectl("auth", "can-i", "list", "pods", "-n", NAMESPACE)
        assert "no" in await kubectl("auth", "can-i", "list", "pods", "-n", "default")
    finally:
        await reader.close()


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("service_target_port", "user"),
        ("wrong_image", "search"),
        ("scale_to_zero", "rate"),
        ("readiness_probe_wrong_port", "profile"),
        ("service_selector", "recommendation"),
        ("memory_limit_too_low", "geo"),
    ],
)
async def test_other_faults_are_diagnosed_alike(kind: str, target: str, tmp_path: Path) -> None:
    found = await recorded(kind, target)
    save(tmp_path / "b.zip", found.bundle)
    replay = await Replay.open(load(tmp_path / "b.zip"))
    try:
        assert said(await diagnose(replay, Settings())) == said(found.live)
    finally:
        await replay.close()


_BOUND = BoundPart(
    app="hotel_reservation",
    faults=[BoundFault(kind="service_target_port", target="geo")],
    settle_seconds=60,
)


async def test_a_proposed_repair_is_tried_on_the_bound_app(
    incident: Recorded, replay: Replay
) -> None:
    diagnosis = await diagnose(replay, Settings())
    tried = await try_out(diagnosis, _BOUND, (NAMESPACE,))
    assert tried.works, tried
    geo = ObjectRef("Deployment", NAMESPACE, "geo")
    useless = replace(diagnosis.mitigations[0], action=Scale(geo, 2))
    tried = await try_out(replace(diagnosis, mitigations=(useless,)), _BOUND, (NAMESPACE,))
    assert not tried.works and "service_target_port on geo" in tried.detail
    gone = replace(useless, action=Scale(replace(geo, name="nothing"), 2))
    tried = await try_out(replace(diagnosis, mitigations=(gone,)), _BOUND, (NAMESPACE,))
    assert not tried.works and "cannot be done" in tried.detail
    nothing = replace(diagnosis, mitigations=())
    assert (await try_out(nothing, _BOUND, (NAMESPACE,))).detail == "nothing was proposed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"app": "no_such_app"}, "no_such_app"),
        ({"faults": [BoundFault(kind="nonsense", target="geo")]}, "nonsense on geo"),
        ({"faults": [BoundFault(kind="scale_to_zero", target="geox")]}, "geox"),
        ({"app": "social_network"}, "nothing was recorded"),
    ],
)
def test_a_binding_that_cannot_be_set_up_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(_BOUND.model_copy(update=change), (NAMESPACE,))


def test_what_can_be_graded_counts() -> None:
    assert Grades({}, mitigation=False).right is False
    assert Grades({}, detection=True, mitigation=True).data["mitigation"] is True
