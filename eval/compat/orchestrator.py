"""The reference's orchestrator: register an agent, open a problem, let them talk, grade."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from copilot.tools.tokens import estimate
from eval.agents.protocol import Agent, Spent
from eval.compat.config import Config
from eval.compat.parser import ResponseParser
from eval.compat.problem import BoundProblem
from eval.compat.registry import ProblemRegistry
from eval.compat.session import Session, SessionItem
from eval.compat.status import (
    InvalidActionError,
    ResponseParsingError,
    SessionPrint,
    SubmissionStatus,
)
from eval.session.parser import Call
from eval.session.texts import FIRST_STATE


class Orchestrator:
    """Plays one problem at a time. `results_dir` takes the sessions' files."""

    def __init__(self, results_dir: str | Path | None = None) -> None:
        self.agent: Agent | None = None
        self.agent_name: str | None = None
        self.session: Session | None = None
        self.parser = ResponseParser()
        self.probs = ProblemRegistry()
        self.sprint = SessionPrint(Config().get("print_session", False))
        self.results_dir = results_dir
        self._problem: BoundProblem | None = None
        self._began = 0.0

    def register_agent(self, agent: Agent, name: str = "agent") -> None:
        """Say who plays; before `init_problem`."""
        self.agent, self.agent_name = agent, name

    def init_problem(self, problem_id: str) -> tuple[str, str, dict[str, str]]:
        """Open a problem; returns its description, the instructions and the actions' docstrings.

        Raises `ValueError` for an unknown id.
        """
        self._began = time.perf_counter()
        if self._problem is not None:
            self._problem.close()
        problem = self.probs.get_problem_instance(problem_id)
        problem.open()
        self._problem = problem
        self.session = Session(self.results_dir, problem.now)
        self.session.set_problem(problem, pid=problem_id)
        self.session.set_agent(self.agent_name or "agent")
        return (
            problem.get_task_description(),
            problem.get_instructions(),
            problem.get_available_actions(),
        )

    async def ask_agent(self, input: str) -> str:
        """Ask the agent for an action, and keep what it says."""
        if self.agent is None or self.session is None or self._problem is None:
            raise RuntimeError("call register_agent and init_problem first")
        said = await self.agent.get_action(input)
        await self._problem.think()
        self.session.add({"role": "assistant", "content": said})
        return said

    async def ask_env(self, input: str) -> str | SubmissionStatus:
        """Carry out what the agent said, and keep the answer; what is wrong with it is an answer too."""
        if self.session is None or self._problem is None:
            raise RuntimeError("call init_problem first")
        answer: str | SubmissionStatus
        try:
            found = self.parser.parse(input)
            call = Call(found["api_name"], tuple(found["args"]), found["kwargs"])
            answer = await self._problem.act(call)
        except (ResponseParsingError, InvalidActionError) as error:
            answer = str(error)
        if call_is_submission(answer):
            self.session.set_solution(
                found["args"][0] if len(found["args"]) == 1 else found["args"]
            )
        self.session.add({"role": "env", "content": answer})
        return answer

    async def start_problem(self, max_steps: int) -> dict[str, Any]:
        """Let the agent work until it submits or the steps are used up, and grade it either way."""
        if self.session is None or self._problem is None:
            raise RuntimeError("call init_problem first")
        session, problem = self.session, self._problem
        session.start()
        waited, answer, state = 0.0, None, FIRST_STATE
        try:
            for _ in range(max_steps):
                asked = time.perf_counter()
                action = await self.ask_agent(state)
                waited += time.perf_counter() - asked
                self.sprint.agent(action)
                answer = await self.ask_env(action)
                self.sprint.service(answer)
                if answer is SubmissionStatus.VALID_SUBMISSION:
                    break
                state = f"{answer}\n{FIRST_STATE}"
            session.end()
            session.set_results(await problem.eval(self.agent_name or "agent", self._spent()))
            self.sprint.result(session.results)
            session.to_json()
        finally:
            problem.close()
            self._problem = None
        return {
            "history": session.history,
            "final_state": answer,
            "results": session.results,
            "framework_overhead": time.perf_counter() - self._began - waited,
        }

    def _spent(self) -> Spent:
        """Tokens as far as the trajectory shows them: said is output, heard is input."""
        assert self.session is not None
        spent = Spent()
        for item in self.session.history:
            tokens = estimate(item.data["content"])
            if item.role == "assistant":
                spent.output_tokens += tokens
            else:
                spent.input_tokens += tokens
        return spent


def call_is_submission(answer: str | SubmissionStatus) -> bool:
    """Whether an answer of the environment ends the session."""
    return isinstance(answer, SubmissionStatus)


__all__ = ["Orchestrator", "SessionItem"]
