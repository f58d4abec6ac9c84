"""The scene of a problem: an app under load, messy if asked for, broken, and some time later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from eval.apps.model import App
from eval.faults.noise import make_noise
from eval.faults.registry import fault
from eval.oracles.alerts import firing
from eval.oracles.state import State, look
from eval.oracles.truth import Truth, truth_of
from eval.problems import Problem
from eval.protocols import Environment, Fault

_QUIET = 120.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A broken environment. `before` is what was well, `after` what still is when the agent begins."""

    problem: Problem
    environment: Environment
    faults: tuple[tuple[Fault, str], ...]
    truth: Truth
    onset: datetime
    before: State
    after: State

    def asked(self, problem: Problem) -> Scene:
        """The same scene with another question: one whose `Problem.scene` is the same."""
        truth = truth_of(problem, self.environment, self.faults)
        return replace(self, problem=problem, truth=truth)


async def set_scene(problem: Problem, environment: Environment, app: App, seed: int) -> Scene:
    """Make noise, note what is well, inject the faults, and let time pass until the page."""
    if problem.noise is not None:
        await make_noise(environment, app, seed=problem.noise)
        await environment.clock.sleep(_QUIET)
    faults: tuple[tuple[Fault, str], ...] = tuple(
        (fault(broken.kind, app, seed), broken.target) for broken in problem.faults
    )
    truth = truth_of(problem, environment, faults)
    before = replace(await look(environment), alerts=await firing(environment))
    onset = environment.clock.now()
    for each, target in faults:
        await each.inject(environment, target)
    await environment.clock.sleep(problem.settle_seconds)
    after = await look(environment)
    return Scene(problem, environment, faults, truth, onset, before, after)
