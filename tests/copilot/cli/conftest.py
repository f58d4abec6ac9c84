"""An emulated cluster whose virtual now is the machine's now, for the real command line."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault

COMMAND = str(Path(sys.executable).parent / "incident-copilot")
WARMUP, SINCE = 1800.0, 240.0


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        assert "Traceback" not in self.stderr
        return [line for line in self.stderr.splitlines() if line.startswith("error:")]


@dataclass
class Terminal:
    """Runs the command line in processes of its own against one emulated cluster."""

    environment: Emulator
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "INCIDENT_COPILOT_STATE__FOLDER": str(self.folder / "state"),
            "INCIDENT_COPILOT_PROMETHEUS__URL": self.environment.prometheus_url,
            "KUBECONFIG": str(self.environment.kubeconfig),
        }

    async def start(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            COMMAND,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self.variables, **variables},
        )

    async def run(self, *arguments: str, **variables: str) -> Done:
        process = await self.start(*arguments, **variables)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())


async def _started() -> Emulator:
    start = datetime.now(UTC) - timedelta(seconds=WARMUP + SINCE)
    return await Emulator.start("social_network", warmup_seconds=WARMUP, start=start)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def incident() -> AsyncIterator[Emulator]:
    """One Service was misdirected four minutes ago. Nothing that uses it changes it."""
    emulator = await _started()
    await fault("service_target_port", emulator.app).inject(emulator, "text-service")
    await emulator.clock.sleep(SINCE)
    yield emulator
    await emulator.close()


@pytest.fixture
def terminal(incident: Emulator, tmp_path: Path) -> Terminal:
    return Terminal(incident, tmp_path)


@pytest.fixture
def broken(incident: Emulator) -> str:
    """The misdirected Service."""
    return "text-service"


@pytest_asyncio.fixture(loop_scope="module")
async def healthy(tmp_path: Path) -> AsyncIterator[Terminal]:
    emulator = await _started()
    await emulator.clock.sleep(SINCE)
    yield Terminal(emulator, tmp_path)
    await emulator.close()
