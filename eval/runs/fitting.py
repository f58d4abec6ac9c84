"""Which problems an environment can play, and why it cannot play the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.environments.kube.environment import IMAGE
from eval.environments.kube.objects import twin_of
from eval.faults.registry import FAULTS
from eval.problems import Problem
from eval.runs.one import EnvironmentName
from eval.suites.apps import app_of


@dataclass(frozen=True, slots=True)
class Impossible:
    """A problem that an environment cannot play, and the reason."""

    problem: Problem
    why: str


def sorted_out(
    problems: Sequence[Problem], environment: EnvironmentName
) -> tuple[tuple[Problem, ...], tuple[Impossible, ...]]:
    """Return the problems that the environment can play, and the others with the reason."""
    possible, impossible = [], []
    for problem in problems:
        why = why_not(problem, environment)
        if why:
            impossible.append(Impossible(problem, why))
        else:
            possible.append(problem)
    return tuple(possible), tuple(impossible)


def why_not(problem: Problem, environment: EnvironmentName) -> str:
    """Say why a problem cannot be played in an environment; "" when it can."""
    reasons = [
        f"{broken.kind}: {FAULTS[broken.kind].unfit[environment]}"
        for broken in problem.faults
        if environment in FAULTS[broken.kind].unfit
    ]
    if environment == "kube":
        if problem.noise is not None:
            reasons.append("its oddities reach into other namespaces, which others may use")
        reasons += _of_other_images(problem)
    return "; ".join(reasons)


def _of_other_images(problem: Problem) -> list[str]:
    """What fits the app and not its twin, in which each container has the stock image."""
    app = app_of(problem.app)
    twin = twin_of(app, IMAGE)
    return [
        f"{broken.kind}: needs another image than the stock one, which plays every program"
        for broken in problem.faults
        if broken.target in FAULTS[broken.kind].targets(app)
        and broken.target not in FAULTS[broken.kind].targets(twin)
    ]
