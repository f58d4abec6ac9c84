"""An emulated cluster whose virtual now is the machine's now, for the real command line."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault

COMMAND = str(Path(sys.executable).parent / "incident-copilot")
FORKING = "tests.copilot.cli.forking"
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


class Forks:
    """Runs commands in forked processes, which need not import again what others did."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Done:
        """Run the command line as the installed script does; nothing of it is a terminal."""
        variables = dict(environment or os.environ)
        # Its default is made once, where the settings are imported.
        variables.setdefault("INCIDENT_COPILOT_STATE__FOLDER", f"{variables['HOME']}/state")
        request = {"arguments": arguments, "environment": variables}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            streams = [out.fileno(), err.fileno()]
            socket.send_fds(self._requests, [json.dumps(request).encode()], streams)
            code = self._requests.recv(64)
            assert code, "the process that forks has ended"
            shown = []
            for stream in (out, err):
                stream.seek(0)
                shown.append(stream.read().decode())
        return Done(int(code), *shown)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(120)
    command = [sys.executable, "-m", FORKING, str(theirs.fileno())]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[3],
        # Threads of a library would not be there in a fork.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    ):
        theirs.close()
        yield Forks(ours)
        ours.close()


@dataclass
class Terminal:
    """Runs the command line in processes of its own against one emulated cluster."""

    environment: Emulator
    folder: Path
    forks: Forks

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
        """Run a command in a forked process."""
        environment = {**self.variables, **variables}
        return await asyncio.to_thread(self.forks.run, *arguments, environment=environment)

    async def run_script(self, *arguments: str, **variables: str) -> Done:
        """Run the installed script."""
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
def terminal(incident: Emulator, tmp_path: Path, forks: Forks) -> Terminal:
    return Terminal(incident, tmp_path, forks)


@pytest.fixture
def broken(incident: Emulator) -> str:
    """The misdirected Service."""
    return "text-service"


@pytest_asyncio.fixture(loop_scope="module")
async def healthy(tmp_path: Path, forks: Forks) -> AsyncIterator[Terminal]:
    emulator = await _started()
    await emulator.clock.sleep(SINCE)
    yield Terminal(emulator, tmp_path, forks)
    await emulator.close()
