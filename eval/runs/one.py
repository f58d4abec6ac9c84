"""One problem for one agent, from a warm world to a line of results."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from copilot.config.settings import Settings
from copilot.model.errors import CopilotError
from eval.agents.catalog import AGENTS
from eval.agents.protocol import Briefing, Spent
from eval.apps.model import App
from eval.measures.entities import nearness
from eval.oracles.entities import made_up, names_of
from eval.problems import Problem, Task
from eval.protocols import Environment
from eval.session.actions import Actions
from eval.session.grade import Graded, grade
from eval.session.play import Limits, Played, play
from eval.session.record import session_record
from eval.session.scene import Scene
from eval.session.talk import talk
from eval.session.texts import description, instructions

EnvironmentName = Literal["emulator", "kube"]
"""Where problems can be played."""


class World(Environment, Protocol):
    """An environment that knows its app."""

    @property
    def app(self) -> App:
        """The app under test, as it is deployed there."""
        ...


def key(agent: str, problem: str, seed: int, repeat: int, environment: str) -> str:
    """What names a run in the results; one of the emulator needs no word more."""
    elsewhere = () if environment == "emulator" else (environment,)
    return "|".join((agent, problem, str(seed), str(repeat), *elsewhere))


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run, and in which environment. `repeat` tells runs of the same problem apart."""

    problem: Problem
    agent: str
    seed: int
    limits: Limits = field(default_factory=Limits)
    repeat: int = 0
    environment: EnvironmentName = "emulator"

    @property
    def key(self) -> str:
        """What names the run in the results."""
        return key(self.agent, self.problem.id, self.seed, self.repeat, self.environment)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line of results, and the session in AIOpsLab's layout."""

    row: dict[str, Any]
    session: dict[str, Any]


async def run_in(
    scene: Scene, job: Job, world: World, settings: Settings, knowledge: Path | None
) -> Outcome:
    """Let the agent work in a broken world, and grade. One that fails is graded as it stands."""
    began, cpu = time.perf_counter(), time.process_time()
    entry = AGENTS[job.agent]
    actions = Actions(world, world.app, job.problem.task)
    briefing = Briefing(
        job.problem,
        world.app,
        description(job.problem, world.app),
        instructions(),
        actions.documentation(),
        world,
        settings,
        job.seed,
        knowledge if entry.knowledge else None,
        scene.faults,
    )
    spent, played = Spent(), None
    before = await names_of(world)
    started = world.clock.now()
    agent_began = time.perf_counter()
    try:
        async with actions, entry.open(briefing) as agent:
            spent = agent.spent
            if job.problem.turns:
                played = await talk(agent, job.problem.turns, actions.act, world.clock, job.limits)
            else:
                played = await play(agent, actions.act, world.clock, job.limits)
    except CopilotError as error:
        spent = replace(spent, failure=str(error))
    agent_seconds = time.perf_counter() - agent_began
    played = played or Played(started, world.clock.now(), stopped="the agent failed")
    named = _named(job.problem, played, spent)
    invented = await made_up(world, named, before)
    graded = await grade(scene, played.solution)
    row = row_of(job, scene, played, graded, spent)
    row["ntam"] = asdict(nearness(world.app, scene.truth.expected, named, spent.chain))
    row["hallucinated"] = list(invented)
    row["wall"] = {
        "seconds": round(time.perf_counter() - began, 2),
        "agent_seconds": round(agent_seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "money": spent.money,
    }
    return Outcome(
        row, session_record(job.agent, job.key, job.problem.id, played, row, spent.answer)
    )


def _named(problem: Problem, played: Played, spent: Spent) -> tuple[str, ...]:
    """The objects that an answer blames: those of its diagnosis, else the places submitted."""
    if spent.named:
        return spent.named
    places = played.solution
    if problem.task is Task.END_TO_END and isinstance(places, dict):
        places = places.get("faulty_components")
    elif problem.task is not Task.LOCALIZATION:
        return ()
    if isinstance(places, str):
        return (places.strip(),)
    return tuple(str(place).strip() for place in places) if isinstance(places, list) else ()


def row_of(job: Job, scene: Scene, played: Played, graded: Graded, spent: Spent) -> dict[str, Any]:
    """Return a line of results, but for what differs between runs."""
    problem = job.problem
    took = (played.ended - played.started).total_seconds()
    tools = {**played.actions}
    for name, times in spent.tools.items():
        tools[name] = tools.get(name, 0) + times
    return {
        "id": problem.id,
        "task": problem.task.value,
        "app": Path(problem.app).stem,
        "instance": problem.instance,
        "truth": scene.truth.words,
        "truth_parts": scene.truth.parts,
        "faulty": problem.faulty,
        "agent": job.agent,
        "seed": job.seed,
        "repeat": job.repeat,
        "environment": job.environment,
        "success": {"compat": graded.compat.success, "strict": graded.strict.success},
        "detail": {"compat": graded.compat.detail, "strict": graded.strict.detail},
        "subset": {"compat": graded.compat.subset, "strict": graded.strict.subset},
        "within_3": {"compat": graded.compat.within_3, "strict": graded.strict.within_3},
        "diagnosed": graded.diagnosed,
        "mitigated": graded.mitigated,
        "regressions": list(graded.regressions),
        "solution": played.solution,
        "submitted": played.submitted,
        "cause": spent.cause,
        "cause_right": spent.cause in scene.truth.causes if spent.cause else None,
        "confidence": spent.confidence,
        "seconds_from_start": round(took, 1),
        "seconds_from_onset": round((played.ended - scene.onset).total_seconds(), 1),
        "steps": played.steps,
        "invalid_calls": played.invalid,
        "repeated_calls": played.repeated + spent.repeated,
        "tool_calls": sum(played.actions.values())
        - played.actions.get("submit", 0)
        + spent.tool_calls,
        "tool_errors": spent.tool_errors,
        "actions": dict(sorted(tools.items())),
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "claims": spent.claims,
        "grounded": spent.grounded,
        "named": list(spent.named),
        "stopped": played.stopped,
        "failure": spent.failure,
    }
