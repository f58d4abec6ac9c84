"""Problems: an app, a fault on one of its services (or none), and the tasks asked about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from copilot.model.errors import UsageError
from eval.apps.loader import bundled_apps, load_app
from eval.faults.registry import targets


class Task(StrEnum):
    """The four questions of AIOpsLab (arXiv 2501.06706)."""

    DETECTION = "detection"
    LOCALIZATION = "localization"
    ANALYSIS = "analysis"
    MITIGATION = "mitigation"


@dataclass(frozen=True, slots=True)
class Problem:
    """One incident to be worked on. Without a `fault` everything is as it should be."""

    app: str
    fault: str = ""
    target: str = ""

    @property
    def id(self) -> str:
        """A stable name; never shown to an agent."""
        return f"{self.app}/{self.fault}/{self.target}" if self.fault else f"{self.app}/healthy"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What can be asked: of a healthy app only whether it is."""
        return tuple(Task) if self.fault else (Task.DETECTION,)


_SMOKE = ("service_target_port", "scale_to_zero", "wrong_image", "revoke_database_login")


def smoke() -> tuple[Problem, ...]:
    """Four kinds of fault on each app that they fit, and each app when healthy."""
    problems: list[Problem] = []
    for app in bundled_apps():
        problems.append(Problem(app))
        for kind in _SMOKE:
            places = targets(kind, load_app(app))
            problems += [Problem(app, kind, target) for target in places[:1]]
    return tuple(problems)


SUITES: dict[str, Callable[[], tuple[Problem, ...]]] = {"smoke": smoke}
"""All suites by name."""


def suite(name: str) -> tuple[Problem, ...]:
    """Return the problems of a suite. Raises `UsageError` when it is unknown."""
    if name not in SUITES:
        raise UsageError(f"there is no suite {name!r}", hint=f"there are: {', '.join(SUITES)}")
    return SUITES[name]()
