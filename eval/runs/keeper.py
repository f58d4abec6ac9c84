"""A process that forks: one child for each place where jobs are to be run, and none of them harms another."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from eval.runs.one import Job

GRACE = 60.0
"""Seconds beyond an agent's limit after which a process is taken for dead."""

DIED = ""
"""What is told of a job whose process ended without a word."""

Said = str | list[str]
"""What a child tells: a line of results, or (of no job) the modules that it had to import."""


@dataclass
class Child:
    """A forked process: its end of the pipe, its jobs, and until when it must have said something."""

    pid: int
    pipe: Connection
    jobs: dict[str, Job] = field(default_factory=dict)
    deadline: float = math.inf

    def give(self, job: Job, patience: float) -> None:
        """Send it a job. One that has just died is noticed when its pipe is read."""
        self.jobs[job.key] = job
        seconds = job.limits.seconds + patience if job.limits.seconds else math.inf
        self.deadline = max(time.monotonic() + seconds, self.deadline if self.jobs else 0.0)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(job)


@dataclass
class Keeper:
    """Passes jobs on to children and what they say to its parent, until the parent's pipe closes.

    `place` names the child that a job belongs to, `be` is what a new child does with its pipe. Of
    children without work `most` are kept. `settle` is called when modules were learned. Children that
    keep others themselves are `keepers`: they end by themselves when their pipe closes.
    """

    parent: Connection
    place: Callable[[Job], str]
    be: Callable[[Job, Connection], None]
    settle: Callable[[], None]
    keepers: bool = False
    most: int = 1
    children: dict[str, Child] = field(default_factory=dict)
    _learned: bool = False
    _listening: bool = True

    def keep(self) -> None:
        """Work until the parent's pipe closes; then nothing is left running."""
        while self._listening:
            pipes = [child.pipe for child in self.children.values()]
            for one in wait([self.parent, *pipes], timeout=1.0):
                assert isinstance(one, Connection)
                if one is self.parent:
                    self._take()
                else:
                    self._hear(one)
            for child in self.children.values():
                if child.jobs and time.monotonic() > child.deadline:
                    os.kill(child.pid, signal.SIGKILL)
        for place in list(self.children):
            self._end(place)

    def _take(self) -> None:
        try:
            job: Job = self.parent.recv()
        except (EOFError, ConnectionResetError):
            self._listening = False
            return
        place = self.place(job)
        if place not in self.children:
            idle = [name for name, child in self.children.items() if not child.jobs]
            for name in idle[: max(0, len(idle) - self.most + 1)]:
                self._end(name)
            others = [self.parent, *(child.pipe for child in self.children.values())]
            self.children[place] = fork(lambda pipe: self.be(job, pipe), others)
        self.children[place].give(job, 2 * GRACE if self.keepers else GRACE)

    def _hear(self, pipe: Connection) -> None:
        place = next(name for name, child in self.children.items() if child.pipe is pipe)
        child = self.children[place]
        try:
            key, said = pipe.recv()
        except (EOFError, ConnectionResetError):
            self._end(place)
            for job in child.jobs.values():
                self._tell(job.key, DIED)
            return
        if key:
            child.jobs.pop(key, None)
            self._tell(key, said)
        elif not self._learned:
            self._learned = True
            for name in said:
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
            self.settle()
            self._tell("", said)

    def _tell(self, key: str, said: Said) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.parent.send((key, said))

    def _end(self, place: str) -> None:
        """Close a child's pipe and see it end; one that is at work is killed."""
        child = self.children.pop(place)
        child.pipe.close()
        if child.jobs and not self.keepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)


def fork(be: Callable[[Connection], None], others: Sequence[Connection]) -> Child:
    """Fork a child that does `be` with its end of a pipe, without the parent's other pipes."""
    here, there = Pipe()
    pid = os.fork()
    if pid == 0:
        for other in (here, *others):
            other.close()
        code = 0
        try:
            be(there)
        except BaseException:  # noqa: BLE001 - the outermost frame of a process: report it and end
            traceback.print_exc()
            code = 1
        finally:
            sys.stderr.flush()
            os._exit(code)
    there.close()
    return Child(pid, here)
