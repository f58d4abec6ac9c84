from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.writer import KubernetesWriter, open_writer
from tests.connectors.kubernetes.loopback import LoopbackApi, kubeconfig, serve


@pytest.fixture
async def api() -> AsyncIterator[LoopbackApi]:
    loopback = LoopbackApi()
    runner = await serve(loopback)
    yield loopback
    await runner.cleanup()


@pytest.fixture
def settings(api: LoopbackApi, tmp_path: Path) -> KubernetesSettings:
    path = kubeconfig(tmp_path, f"http://127.0.0.1:{api.port}")
    return KubernetesSettings(kubeconfig=path, timeout=1.0)


@pytest.fixture
async def reader(settings: KubernetesSettings) -> AsyncIterator[KubernetesReader]:
    opened = await open_reader(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def writer(settings: KubernetesSettings) -> AsyncIterator[KubernetesWriter]:
    opened = await open_writer(settings)
    yield opened
    await opened.close()
