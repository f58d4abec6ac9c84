"""Marks on actions, and the docstrings of those that a task has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from eval.problems import Task
from eval.session.actions import Actions

F = TypeVar("F", bound=Callable[..., Any])


def action(method: F) -> F:
    """Mark an action."""
    method.is_action = True  # type: ignore[attr-defined]  # a mark, as the reference sets it
    return method


def read(method: F) -> F:
    """Mark an action that only reads."""
    method.is_action, method.action_type = True, "read"  # type: ignore[attr-defined]  # a mark, as the reference sets it
    return method


def write(method: F) -> F:
    """Mark an action that writes."""
    method.is_action, method.action_type = True, "write"  # type: ignore[attr-defined]  # a mark, as the reference sets it
    return method


def get_actions(task: str, subtype: str | None = None) -> dict[str, str]:
    """Return the docstrings of a task's actions. With `subtype`: "write" for exec_shell, or "read"."""
    found = Actions.of(Task(task))
    if subtype is None:
        return found
    writes = {"exec_shell", "submit"}
    return {name: text for name, text in found.items() if (name in writes) is (subtype == "write")}
