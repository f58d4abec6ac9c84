"""The process that runs problems: `python -m eval.runs.server`.

It imports everything once. For each app and seed it forks a process that warms a world up, once; that
one forks again for each problem, which plays in its own copy of the world (the kernel copies what is
written) and cannot harm another. On standard input come one line of preparations and then one line
for each job; on standard output go the outcomes. Nothing here has threads when it forks.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import importlib
import json
import os
import pickle
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from copilot.config.settings import Settings
from eval.environments.emulator.environment import Emulator
from eval.runs.one import Job, run_one
from eval.runs.wire import job_of, outcome_to_line

_GRACE = 60.0
_COLLECT = (20000, 20, 100)


@dataclass
class _Child:
    """A forked process: its end of the pipe, what it works on, and until when."""

    pid: int
    pipe: Connection
    job: Job | None = None
    deadline: float = 0.0


@dataclass
class Server:
    """Reads jobs and forks. `worlds` are the warm processes by app and seed."""

    settings: Settings
    knowledge: Path | None
    worlds: dict[tuple[str, int], _Child] = field(default_factory=dict)

    def serve(self) -> None:
        """Work until standard input ends."""
        out = os.dup(1)
        os.dup2(2, 1)
        pending = b""
        reading = True
        while reading or self.worlds:
            pipes = [world.pipe for world in self.worlds.values()]
            ready = wait([*pipes, *([sys.stdin.fileno()] if reading else [])], timeout=1.0)
            for one in ready:
                if isinstance(one, Connection):
                    self._hear(one, out)
                else:
                    data = os.read(sys.stdin.fileno(), 65536)
                    reading = bool(data)
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        self._start(job_of(json.loads(line)))
            if not reading:
                self._close()

    def _start(self, job: Job) -> None:
        key = (job.problem.app, job.seed)
        if key not in self.worlds:
            here, there = Pipe()
            pid = os.fork()
            if pid == 0:
                for other in [here, *(world.pipe for world in self.worlds.values())]:
                    other.close()
                _be(lambda: _world(key, there, self.settings, self.knowledge))
            there.close()
            self.worlds[key] = _Child(pid, here)
        # one that has just died is told as lost, with its jobs, when its pipe is read
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.worlds[key].pipe.send(job)

    def _hear(self, pipe: Connection, out: int) -> None:
        key = next(k for k, world in self.worlds.items() if world.pipe is pipe)
        try:
            line = pipe.recv()
        except (EOFError, ConnectionResetError):
            world = self.worlds.pop(key)
            os.waitpid(world.pid, 0)
            line = json.dumps({"lost": list(key)})
        os.write(out, line.encode() + b"\n")

    def _close(self) -> None:
        for world in self.worlds.values():
            world.pipe.close()
        for world in self.worlds.values():
            os.waitpid(world.pid, 0)
        self.worlds.clear()


def _world(
    key: tuple[str, int], pipe: Connection, settings: Settings, knowledge: Path | None
) -> None:
    """Warm a world up, and fork for each job until the pipe closes."""
    app, seed = key
    emulator = asyncio.run(Emulator.start(app, seed=seed, serving=False))
    _settle_memory()
    learned: set[str] = set()
    children: list[_Child] = []
    listening = True
    while listening or children:
        ready = wait([*([pipe] if listening else []), *(c.pipe for c in children)], timeout=1.0)
        for one in ready:
            if one is pipe:
                try:
                    job = pipe.recv()
                except (EOFError, ConnectionResetError):
                    listening = False
                    for child in children:
                        os.kill(child.pid, signal.SIGKILL)
                    continue
                children.append(_fork(job, emulator, settings, knowledge, children, pipe))
            else:
                child = next(c for c in children if c.pipe is one)
                children.remove(child)
                _report(child, pipe, listening, learned)
        for child in children:
            if time.monotonic() > child.deadline:
                os.kill(child.pid, signal.SIGKILL)


def _fork(
    job: Job,
    emulator: Emulator,
    settings: Settings,
    knowledge: Path | None,
    others: list[_Child],
    parent: Connection,
) -> _Child:
    here, there = Pipe()
    pid = os.fork()
    if pid == 0:
        here.close()
        parent.close()
        for other in others:
            other.pipe.close()

        def work() -> None:
            known = set(sys.modules)
            there.send(asyncio.run(_play(job, emulator, settings, knowledge)))
            there.send(sorted(set(sys.modules) - known))

        _be(work)
    there.close()
    return _Child(pid, here, job, time.monotonic() + job.limits.seconds + _GRACE)


async def _play(job: Job, emulator: Emulator, settings: Settings, knowledge: Path | None) -> str:
    await emulator.serve()
    try:
        return outcome_to_line(await run_one(job, emulator, settings, knowledge))
    finally:
        await emulator.close()


def _report(child: _Child, pipe: Connection, listening: bool, learned: set[str]) -> None:
    """Pass a child's outcome on; one that ended without any is told as lost.

    What the first one had to import is imported here, for the next ones to have it from the start.
    """
    assert child.job is not None
    try:
        line, modules = child.pipe.recv(), child.pipe.recv()
    except (EOFError, ConnectionResetError):
        line, modules = json.dumps({"died": child.job.key}), []
    child.pipe.close()
    os.waitpid(child.pid, 0)
    if listening:
        pipe.send(line)
    for name in modules if not learned else ():
        learned.add(name)
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if modules:
        _settle_memory()


def _settle_memory() -> None:
    """Keep the collector away from what is here already: forks would copy it for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


def _be(work: Any) -> None:
    """Be the child: do the work and never return."""
    code = 0
    try:
        work()
    except BaseException:  # noqa: BLE001 - the outermost frame of a process: report it and end
        traceback.print_exc()
        code = 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def preload() -> None:
    """Import what every problem needs, so that no fork imports it again."""
    import eval.environments.emulator.cluster.api.metrics
    import eval.environments.emulator.cluster.api.server
    import eval.environments.emulator.cluster.api.shell
    import eval.environments.emulator.cluster.tls
    import eval.environments.emulator.telemetry.alertmanager_api
    import eval.environments.emulator.telemetry.jaeger_api
    import eval.environments.emulator.telemetry.loki_api
    import eval.environments.emulator.telemetry.prometheus_api  # noqa: F401


def main() -> None:
    """Be the server."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = b""
    while not line.endswith(b"\n"):  # not one byte more, for the rest is read from the descriptor
        line += os.read(0, 1)
    settings, knowledge = pickle.loads(base64.b64decode(line))
    preload()
    Server(settings, knowledge).serve()


if __name__ == "__main__":
    main()
