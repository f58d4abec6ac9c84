"""What is kept of an answer while it is made: the engine's diagnosis, replies, results of tools."""

from __future__ import annotations

from functools import cache
from typing import Any

from copilot.agent.calls import Reply
from copilot.agent.seams import Journal
from copilot.model.diagnosis import Diagnosis
from copilot.model.protocols import ToolResult

ENGINE = "engine"


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def stored_diagnosis(journal: Journal) -> Diagnosis | None:
    """Return the engine's diagnosis of this answer, if it had one before."""
    body = journal.get(ENGINE)
    return None if body is None else _read(Diagnosis, body)


def keep_diagnosis(journal: Journal, diagnosis: Diagnosis) -> None:
    """Keep the engine's diagnosis."""
    journal.put(ENGINE, _written(Diagnosis, diagnosis))


def stored_reply(journal: Journal, step: str) -> Reply | None:
    """Return what the model answered in a step, if it did."""
    body = journal.get(f"reply {step}")
    return None if body is None else _read(Reply, body)


def keep_reply(journal: Journal, step: str, reply: Reply) -> None:
    """Keep a reply of the model."""
    journal.put(f"reply {step}", _written(Reply, reply))


def stored_result(journal: Journal, call: str) -> tuple[ToolResult, bool] | None:
    """Return what a call gave, and whether it succeeded, if it was made."""
    body = journal.get(f"call {call}")
    return None if body is None else (_read(ToolResult, body["result"]), bool(body["ok"]))


def keep_result(journal: Journal, call: str, result: ToolResult, *, ok: bool) -> None:
    """Keep what a call gave."""
    journal.put(f"call {call}", {"result": _written(ToolResult, result), "ok": ok})


def _read(kind: Any, body: Any) -> Any:
    return _adapter(kind).validate_python(body)


def _written(kind: Any, value: Any) -> Any:
    return _adapter(kind).dump_python(value, mode="json")
