"""The process that runs problems: `python -m eval.runs.server`.

It imports everything once. For each app and seed it forks a process that warms a world up, once; that
one forks for each way to break it; and that one for each problem, which plays in its own copy of the
broken world (the kernel copies what is written) and cannot harm another. On standard input come one line of preparations and then one line
for each job; on standard output go the outcomes. Nothing here has threads when it forks.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import os
import pickle
import signal
import sys
from dataclasses import dataclass, field, is_dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from copilot.config.settings import Settings
from eval.environments.emulator.environment import Emulator
from eval.runs.keeper import Child, Keeper, fork
from eval.runs.one import Job, run_in
from eval.runs.wire import job_of, outcome_to_line
from eval.session.scene import Scene, set_scene

_COLLECT = (20000, 20, 100)


@dataclass
class Server:
    """Reads jobs and forks. `worlds` are the warm processes by app and seed."""

    settings: Settings
    knowledge: Path | None
    worlds: dict[tuple[str, int], Child] = field(default_factory=dict)

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
            others = [world.pipe for world in self.worlds.values()]
            self.worlds[key] = fork(
                lambda pipe: _world(key, pipe, self.settings, self.knowledge), others
            )
        # one that has just died is told as lost, with its jobs, when its pipe is read
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.worlds[key].pipe.send(job)

    def _hear(self, pipe: Connection, out: int) -> None:
        key = next(k for k, world in self.worlds.items() if world.pipe is pipe)
        try:
            name, said = pipe.recv()
        except (EOFError, ConnectionResetError):
            world = self.worlds.pop(key)
            os.waitpid(world.pid, 0)
            name, said = "lost", json.dumps({"lost": list(key)})
        if name:
            line = said or json.dumps({"died": name})
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
    """Warm a world up, and keep a scene for each way in which jobs break it."""
    app, seed = key
    emulator = asyncio.run(Emulator.start(app, seed=seed, serving=False))
    settle_memory()

    def scene(job: Job, pipe: Connection) -> None:
        _scene(job, pipe, emulator, settings, knowledge)

    Keeper(pipe, lambda job: job.problem.scene, scene, settle_memory, keepers=True).keep()


def _scene(
    first: Job, pipe: Connection, emulator: Emulator, settings: Settings, knowledge: Path | None
) -> None:
    """Break the world, and fork for each job."""
    scene = asyncio.run(_break(first, emulator))
    settle_memory()

    def play(job: Job, pipe: Connection) -> None:
        known = set(sys.modules)
        line = asyncio.run(_play(scene.asked(job.problem), job, emulator, settings, knowledge))
        pipe.send(("", sorted(set(sys.modules) - known)))
        pipe.send((job.key, line))

    Keeper(pipe, lambda job: job.key, play, settle_memory).keep()


async def _break(job: Job, emulator: Emulator) -> Scene:
    await emulator.serve()
    try:
        return await set_scene(job.problem, emulator, emulator.app, job.seed)
    finally:
        await emulator.close()


async def _play(
    scene: Scene, job: Job, emulator: Emulator, settings: Settings, knowledge: Path | None
) -> str:
    await emulator.serve()
    try:
        return outcome_to_line(await run_in(scene, job, emulator, settings, knowledge))
    finally:
        await emulator.close()


def settle_memory() -> None:
    """Keep the collector away from what is here already: forks would copy it for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


def preload(*, knowledge: bool) -> None:
    """Import and load what every problem needs, so that no fork does it again."""
    import eval.environments.emulator.cluster.api.metrics
    import eval.environments.emulator.cluster.api.server
    import eval.environments.emulator.cluster.api.shell
    import eval.environments.emulator.cluster.tls
    import eval.environments.emulator.telemetry.alertmanager_api
    import eval.environments.emulator.telemetry.jaeger_api
    import eval.environments.emulator.telemetry.loki_api
    import eval.environments.emulator.telemetry.prometheus_api  # noqa: F401
    from copilot.model import events
    from copilot.sessions.codec import adapter

    for kind in vars(events).values():
        if isinstance(kind, type) and is_dataclass(kind):
            adapter(kind)
    if knowledge:
        from retrieval.embedding.minilm import MiniLM

        # with one thread, which is this one: forks have no others
        MiniLM(threads=1).embed(["ready"])


def main() -> None:
    """Be the server."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = b""
    while not line.endswith(b"\n"):  # not one byte more, for the rest is read from the descriptor
        line += os.read(0, 1)
    settings, knowledge = pickle.loads(base64.b64decode(line))
    preload(knowledge=knowledge is not None)
    Server(settings, knowledge).serve()


if __name__ == "__main__":
    main()
