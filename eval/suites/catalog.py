"""All suites by name."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from copilot.model.errors import UsageError
from eval.problems import Problem
from eval.suites import generated
from eval.suites.files import read_file, read_folder

Suite = tuple[Problem, ...]


def aiopslab() -> Suite:
    """AIOpsLab's 89 ids."""
    return read_file(Path(__file__).parent / "aiopslab.yaml")


SUITES: dict[str, tuple[Callable[[], Suite], str]] = {
    "smoke": (lambda: generated.smoke(aiopslab()), "twelve problems of all tasks and apps"),
    "aiopslab": (aiopslab, "AIOpsLab's 89 ids, with its labels and checks"),
    "aiopslab-twins": (
        lambda: generated.twins(aiopslab()),
        "detection on AIOpsLab's incidents, and on a healthy twin of each",
    ),
    "sregym": (
        generated.sregym,
        "SREGym's families of faults, diagnosis and repair in one session",
    ),
    "compound": (generated.compound, "two faults at once"),
    "noise": (generated.noise, "incidents and healthy apps among harmless oddities"),
    "conversation": (
        lambda: read_file(Path(__file__).parent / "conversation.yaml"),
        "talks of several turns: corrections, pronouns, other scopes, doubts, wrong premises",
    ),
    "healthy": (generated.healthy, "nothing is wrong, at several times and with several oddities"),
}
"""What makes each suite, and what it is."""


def suite(name: str) -> Suite:
    """Return a suite by name, or the problems of a folder or file. Raises `UsageError`."""
    if name in SUITES:
        return SUITES[name][0]()
    path = Path(name)
    if path.is_dir():
        return read_folder(path)
    if path.suffix in (".yaml", ".yml"):
        return read_file(path)
    raise UsageError(
        f'there is no suite "{name}"', hint=f"there are: {', '.join(SUITES)}, or give a folder"
    )


def chosen(problems: Suite, patterns: tuple[str, ...]) -> Suite:
    """The problems whose id matches a pattern, or all without patterns. Raises `UsageError`."""
    found = tuple(p for p in problems if any(fnmatch(p.id, each) for each in patterns))
    if patterns and not found:
        raise UsageError(
            f"no id matches {', '.join(patterns)}", hint="see: incident-copilot eval list SUITE"
        )
    return found or problems
