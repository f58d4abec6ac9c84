"""The reference's HTTP service: health, problems, agents, and one simulation a request."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.config.settings import Settings
from copilot.model.errors import UsageError
from eval import memory
from eval.agents.catalog import AGENTS, agent
from eval.environments.emulator.environment import START
from eval.problems import Problem
from eval.runs.one import Job
from eval.runs.places import Lost
from eval.runs.pool import run_jobs
from eval.session.actions import Actions
from eval.session.play import Limits
from eval.session.texts import description, instructions
from eval.suites.apps import app_of
from eval.suites.catalog import suite

PORT = 1818


class Simulation(BaseModel):
    """What `POST /simulate` takes; parameters of a model are the settings' and are passed over."""

    model_config = ConfigDict(extra="ignore")
    problem_id: str
    agent_name: str = "engine"
    max_steps: int = Field(default=10, ge=1, le=1000)
    seed: int = 0


@dataclass
class Service:
    """Serves AIOpsLab's problems with our agents. `knowledge` is a prepared folder."""

    settings: Settings
    knowledge: Path

    def __post_init__(self) -> None:
        self._problems = {problem.id: problem for problem in suite("aiopslab")}

    def application(self) -> web.Application:
        """Return the four routes."""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/problems", self._list)
        app.router.add_get("/agents", self._agents)
        app.router.add_post("/simulate", self._simulate)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"problems": list(self._problems)})

    async def _agents(self, request: web.Request) -> web.Response:
        return web.json_response({"agents": list(AGENTS)})

    async def _simulate(self, request: web.Request) -> web.Response:
        try:
            wanted = Simulation.model_validate(await request.json())
            agent(wanted.agent_name, self.settings)
        except ValidationError as error:
            first = error.errors()[0]
            return _refused(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        except json.JSONDecodeError:
            return _refused(422, "the body is not JSON")
        except UsageError as error:
            return _refused(404, str(error))
        problem = self._problems.get(wanted.problem_id)
        if problem is None:
            return _refused(404, f"there is no problem {wanted.problem_id}: see GET /problems")
        job = Job(problem, wanted.agent_name, wanted.seed, Limits(steps=wanted.max_steps))
        running = run_jobs([job], self.settings, self.knowledge, parallel=1)
        outcomes = [outcome async for _, outcome in running]
        if isinstance(outcomes[0], Lost):
            return _refused(500, outcomes[0].why)
        return web.json_response(_with_messages(outcomes[0].session, problem))


async def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until cancelled. Raises `UsageError` when the address cannot be had."""
    with tempfile.TemporaryDirectory(prefix="incident-copilot-eval-") as folder:
        await memory.prepare(Path(folder), START, builtin=True, incidents=False)
        runner = web.AppRunner(Service(settings, Path(folder)).application())
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            await asyncio.Event().wait()
        except OSError as error:
            raise UsageError(
                f"{host}:{port}: {error.strerror}", hint="choose another --port"
            ) from error
        finally:
            await runner.cleanup()


def _with_messages(session: dict[str, Any], problem: Problem) -> dict[str, Any]:
    """What the agent was told comes first, and the status of the submission is left away."""
    app = app_of(problem.app)
    actions = "\n\n".join(f"{name}\n{text}" for name, text in Actions.of(problem.task).items())
    trace = list(session["trace"])
    if trace and trace[-1]["role"] == "env":
        trace.pop()
    told = [
        {"role": "system", "content": f"{description(problem, app)}\n\n{actions}"},
        {"role": "user", "content": instructions()},
    ]
    return {**session, "trace": [*told, *trace]}


def _refused(status: int, text: str) -> web.Response:
    return web.json_response({"detail": text}, status=status)
