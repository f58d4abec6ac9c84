"""One problem on an environment of its own, behind calls that do not need an event loop.

The environment lives in a thread with a loop, because the reference's scripts open a problem before
they start theirs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from eval.agents.protocol import Spent
from eval.compat.status import InvalidActionError, SubmissionStatus
from eval.environments.emulator.environment import Emulator
from eval.problems import Problem
from eval.runs.one import Job, row_of
from eval.session.actions import Actions
from eval.session.costs import THOUGHT, cost
from eval.session.grade import grade
from eval.session.parser import BadFormat, Call, solution_of
from eval.session.play import Played
from eval.session.record import results
from eval.session.scene import Scene, set_scene
from eval.session.texts import description, instructions
from eval.suites.apps import app_of

T = TypeVar("T")


class BoundProblem:
    """A problem that can be opened, acted on, graded and closed. Seconds are virtual."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.app = app_of(problem.app)
        self.namespace = self.app.namespace
        self.faulty_service = problem.faults[0].target if problem.faults else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._emulator: Emulator | None = None
        self._actions: Actions | None = None
        self._scene: Scene | None = None
        self._played: Played | None = None

    def get_task_description(self) -> str:
        """Return the app and the task."""
        return description(self.problem, self.app)

    def get_instructions(self) -> str:
        """Return how to answer."""
        return instructions()

    def get_available_actions(self) -> dict[str, str]:
        """Return each action's docstring."""
        return Actions.of(self.problem.task)

    def open(self, seed: int = 0) -> None:
        """Deploy the app under load, inject the fault, and let time pass until the page."""
        self.close()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wait(self._open(seed))

    def now(self) -> float:
        """Return the virtual time in seconds since the epoch."""
        return self._world.clock.now().timestamp()

    async def act(self, call: Call) -> str | SubmissionStatus:
        """Carry out a call and let its time pass. Raises `InvalidActionError`."""
        if call.name not in self.get_available_actions():
            raise InvalidActionError(call.name)
        return await asyncio.wrap_future(self._submit(self._act(call)))

    async def think(self) -> None:
        """Let the time of a model's turn pass."""
        assert self._played is not None
        self._played.steps += 1
        await asyncio.wrap_future(self._submit(self._world.clock.sleep(THOUGHT)))

    async def eval(self, agent: str, spent: Spent | None = None) -> dict[str, Any]:
        """Grade what was submitted, or that nothing was, with the reference's result keys."""
        return await asyncio.wrap_future(self._submit(self._eval(agent, spent or Spent())))

    def close(self) -> None:
        """Stop the environment."""
        if self._loop is None or self._thread is None:
            return
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    @property
    def _world(self) -> Emulator:
        if self._emulator is None:
            raise RuntimeError("call init_problem first")
        return self._emulator

    async def _open(self, seed: int) -> None:
        self._emulator = await Emulator.start(self.problem.app, seed=seed)
        self._scene = await set_scene(self.problem, self._emulator, self.app, seed)
        self._actions = await Actions(self._emulator, self.app, self.problem.task).__aenter__()
        now = self._emulator.clock.now()
        self._played = Played(now, now)

    async def _act(self, call: Call) -> str | SubmissionStatus:
        assert self._actions is not None and self._played is not None
        played = self._played
        played.actions[call.name] = played.actions.get(call.name, 0) + 1
        await self._world.clock.sleep(cost(call.name))
        if call.name == "submit":
            played.solution, played.submitted = solution_of(call), True
            return SubmissionStatus.VALID_SUBMISSION
        try:
            return await self._actions.act(call)
        except BadFormat as error:
            played.invalid += 1
            return str(error)

    async def _eval(self, agent: str, spent: Spent) -> dict[str, Any]:
        assert self._scene is not None and self._played is not None
        self._played.ended = self._world.clock.now()
        graded = await grade(self._scene, self._played.solution)
        job = Job(self.problem, agent, 0)
        return results(row_of(job, self._scene, self._played, graded, spent))

    async def _close(self) -> None:
        if self._actions is not None:
            await self._actions.__aexit__()
            self._actions = None
        if self._emulator is not None:
            await self._emulator.close()
            self._emulator = None

    def _submit(self, work: Coroutine[Any, Any, T]) -> Any:
        if self._loop is None:
            work.close()
            raise RuntimeError("call init_problem first")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> None:
        self._submit(work).result()
