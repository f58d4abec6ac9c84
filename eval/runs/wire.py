"""Jobs and outcomes as lines between processes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from eval.problems import Broken, Labels, Problem, Task, Turn
from eval.runs.one import Job, Outcome
from eval.session.play import Limits


def job_to_line(job: Job) -> str:
    """Return a job as one line."""
    return json.dumps(asdict(job))


def job_of(data: dict[str, Any]) -> Job:
    """Return the job of a line's data."""
    problem = data["problem"]
    labels = problem["labels"]
    return Job(
        Problem(
            problem["id"],
            Task(problem["task"]),
            problem["app"],
            tuple(Broken(**fault) for fault in problem["faults"]),
            Labels(tuple(labels["services"]), labels["system_level"], labels["fault_type"]),
            problem["check"],
            problem["noise"],
            problem["settle_seconds"],
            tuple(
                Turn(turn["say"], tuple(turn["says"]), tuple(turn["never"]), turn["looks"])
                for turn in problem["turns"]
            ),
        ),
        data["agent"],
        data["seed"],
        Limits(**data["limits"]),
        data["repeat"],
        data["environment"],
    )


def outcome_to_line(outcome: Outcome) -> str:
    """Return an outcome as one line; what JSON cannot hold is told as text."""
    return json.dumps({"row": outcome.row, "session": outcome.session}, default=str)


def outcome_of(data: dict[str, Any]) -> Outcome:
    """Return the outcome of a line's data."""
    return Outcome(data["row"], data["session"])
