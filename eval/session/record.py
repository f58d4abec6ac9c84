"""A session as AIOpsLab stores it: `<session_id>_<start_time>.json`."""

from __future__ import annotations

import uuid
from typing import Any

from eval.session.play import Played

_TIMES = {"detection": "TTD", "localization": "TTL", "analysis": "TTA", "mitigation": "TTM"}
_SPACE = uuid.UUID("6f1f37f5-6f52-4f0c-9f6c-0f0f8f3f5f11")


def session_record(
    agent: str, key: str, problem: str, played: Played, row: dict[str, Any], answer: str = ""
) -> dict[str, Any]:
    """Return the session; its id follows from `key`, its times are virtual.

    `answer` is what a talking agent said to people; the reference's layout has no place for it.
    """
    return {
        "agent": agent,
        "session_id": str(uuid.uuid5(_SPACE, key)),
        "problem_id": problem,
        "start_time": played.started.timestamp(),
        "end_time": played.ended.timestamp(),
        "trace": played.trace,
        "results": results(row),
        **({"answer": answer} if answer else {}),
    }


def results(row: dict[str, Any]) -> dict[str, Any]:
    """The reference's result keys for the task, by the compat oracle."""
    task, success = row["task"], row["success"]["compat"]
    found: dict[str, Any] = {
        "steps": row["steps"],
        "in_tokens": row["input_tokens"],
        "out_tokens": row["output_tokens"],
        "success_strict": row["success"]["strict"],
    }
    if task in _TIMES:
        found[_TIMES[task]] = row["seconds_from_start"]
    if task == "detection":
        found["Detection Accuracy"] = row["detail"]["compat"]
        return found
    found["success"] = success
    if task == "localization":
        subset, names = row["subset"]["compat"], row["solution"] or []
        found["is_subset"] = bool(subset)
        found["Localization Accuracy"] = (
            100.0 if success else 100.0 / max(1, len(names)) if subset else 0.0
        )
    elif task == "analysis":
        found["subset"] = bool(row["subset"]["compat"])
    return found
