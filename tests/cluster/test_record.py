"""Incidents recorded on a real cluster: the engine says the same of the replay as it said there."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from copilot.config.settings import KnowledgeSection, ModelSection, Settings
from copilot.model.diagnosis import Diagnosis
from copilot.model.events import DiagnosisReady
from copilot.model.scope import Scope, Window
from copilot.sessions.assemble import assemble
from eval.environments.kube.environment import KubeEnvironment
from eval.faults.registry import fault
from eval.local import inside
from eval.recording.bundle import load, save, validate
from eval.recording.diagnose import diagnose
from eval.recording.grade import grade
from eval.recording.live import Period, record_live
from eval.recording.replay import Replay
from eval.recording.schema import TruthPart

pytestmark = [pytest.mark.cluster_long, pytest.mark.asyncio(loop_scope="module")]

APP = Path(__file__).with_name("twin_app.yaml")
IMAGE = os.environ.get("CLUSTER_TEST_IMAGE", "python:3.11-slim")
SETTLE_SECONDS = 40.0
PERIOD = Period(timedelta(minutes=15), timedelta(minutes=45))
FAULTS = (
    ("scale_to_zero", "prices"),
    ("service_target_port", "prices"),
    ("wrong_image", "prices"),
    ("service_selector", "prices"),
    ("node_selector_missing_node", "prices"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twin(kubeconfig: Path) -> AsyncIterator[KubeEnvironment]:
    environment = await KubeEnvironment.start(
        APP, kubeconfig=kubeconfig, image=IMAGE, namespace="recorded-kiosk", warmup_seconds=20
    )
    try:
        yield environment
    finally:
        await environment.close()


@pytest.mark.parametrize(("kind", "target"), FAULTS)
async def test_the_same_diagnosis_from_the_recording(
    twin: KubeEnvironment, kind: str, target: str, tmp_path: Path
) -> None:
    broken = fault(kind, twin.app)
    expected = broken.expected(twin, target)
    truth = TruthPart(
        faulty=True, objects=[str(o) for o in expected.objects], causes=list(expected.causes)
    )
    await broken.inject(twin, target)
    try:
        await twin.clock.sleep(SETTLE_SECONDS)
        settings = inside(twin, Settings(), tmp_path).model_copy(
            update={
                "knowledge": KnowledgeSection(builtin=False),
                "model": ModelSection(enabled=False),
            }
        )
        live = await _live(twin, settings)
        bundle = await record_live(settings, (twin.namespace,), PERIOD, kind, truth)
    finally:
        await broken.recover(twin, target)
    save(tmp_path / "b.zip", bundle)
    assert validate(tmp_path / "b.zip") == []
    replay = await Replay.open(load(tmp_path / "b.zip"))
    try:
        again = await diagnose(replay, Settings())
    finally:
        await replay.close()
    assert _said(again) == _said(live)
    grades = grade(again, truth)
    assert (grades.detection, grades.localization, grades.analysis) == (True, True, True), grades
    await _until_well(twin, kind, target)


async def _live(twin: KubeEnvironment, settings: Settings) -> Diagnosis:
    window = Window.last(twin.clock.now(), 15, 45)
    scope = Scope("live", (twin.namespace,), window)
    async with assemble(settings, clock=twin.clock) as copilot:
        found = [
            event.diagnosis
            async for event in copilot.engine.investigate("", scope)
            if isinstance(event, DiagnosisReady)
        ]
    return found[0]


def _said(diagnosis: Diagnosis) -> list[object]:
    """Verdict, first cause and repair: seconds pass between the look and the recording."""
    first = diagnosis.root_causes[:1]
    return [
        diagnosis.verdict,
        [(cause.object, cause.cause) for cause in first],
        [(m.action, m.title) for m in diagnosis.mitigations[:1]],
    ]


async def _until_well(twin: KubeEnvironment, kind: str, target: str) -> None:
    end = time.monotonic() + 120
    while not (await fault(kind, twin.app).cured(twin, target) and await twin.healthy()):
        assert time.monotonic() < end, "the app did not recover"
        await asyncio.sleep(2)
