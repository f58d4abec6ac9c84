"""Every bundled app, and the documented one, comes up healthy in the emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.apps.loader import bundled_apps, load_app
from eval.apps.model import App
from eval.environments.emulator.environment import Emulator
from tests.eval.apps.test_app_example import documented_app

_FEW_MINUTES = 300.0


async def _comes_up(app: App) -> None:
    environment = await Emulator.start(app, warmup_seconds=_FEW_MINUTES)
    try:
        assert await environment.healthy()
        pods = await environment.reader.list("Pod", namespace=app.namespace)
        running = {pod["metadata"]["labels"][app.label] for pod in pods}
        assert running == set(app.services)
        for pod in pods:
            for status in pod["status"]["containerStatuses"]:
                assert status["ready"], pod["metadata"]["name"]
                assert status["restartCount"] == 0, pod["metadata"]["name"]
    finally:
        await environment.close()


@pytest.mark.parametrize("name", bundled_apps())
async def test_a_bundled_app_comes_up_healthy(name: str) -> None:
    await _comes_up(load_app(name))


async def test_the_documented_app_comes_up_healthy(tmp_path: Path) -> None:
    await _comes_up(documented_app(tmp_path))
