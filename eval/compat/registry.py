"""The reference's registry of problems, over our 89."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eval.compat.problem import BoundProblem
from eval.problems import Problem
from eval.suites.apps import app_of
from eval.suites.catalog import suite


class ProblemRegistry:
    """Problems by id. `PROBLEM_REGISTRY` has what makes each."""

    def __init__(self, problems: tuple[Problem, ...] | None = None) -> None:
        self._problems = {p.id: p for p in problems or suite("aiopslab")}
        self.PROBLEM_REGISTRY: dict[str, Callable[[], BoundProblem]] = {
            name: partial(BoundProblem, problem) for name, problem in self._problems.items()
        }
        self.DOCKER_REGISTRY = [
            name for name, p in self._problems.items() if app_of(p.app).runtime == "docker"
        ]

    def get_problem_instance(self, problem_id: str) -> BoundProblem:
        """Return a problem. Raises `ValueError` for an unknown id."""
        return self.get_problem(problem_id)()

    def get_problem(self, problem_id: str) -> Callable[[], BoundProblem]:
        """Return what makes a problem. Raises `ValueError` for an unknown id."""
        if problem_id not in self.PROBLEM_REGISTRY:
            raise ValueError(f"Problem ID {problem_id} not found in registry.")
        return self.PROBLEM_REGISTRY[problem_id]

    def get_problem_ids(self, task_type: str | None = None) -> list[str]:
        """Return all ids, or those that name a task."""
        return [name for name in self.PROBLEM_REGISTRY if not task_type or task_type in name]

    def get_problem_count(self, task_type: str | None = None) -> int:
        """Return how many there are."""
        return len(self.get_problem_ids(task_type))

    def get_problem_deployment(self, problem_id: str) -> str:
        """Return "docker" or "k8s"."""
        return "docker" if problem_id in self.DOCKER_REGISTRY else "k8s"
