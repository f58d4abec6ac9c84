"""Results as a table for people and as lines for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.problems import Task
from eval.runner import Candidate, Result


def line(result: Result, judged: float | None) -> dict[str, Any]:
    """Return one problem's result as JSON data; under `wall` is what may differ between runs."""
    usage = result.diagnosis.usage if result.diagnosis else None
    return {
        "id": result.problem.id,
        "agent": result.candidate.name,
        "seed": result.seed,
        "success": {grade.task.value: grade.success for grade in result.grades},
        "within_3": {g.task.value: g.within_3 for g in result.grades if g.within_3 is not None},
        "answers": {grade.task.value: grade.detail for grade in result.grades},
        "cause_named": result.cause_named,
        "confidence": _confidence(result),
        "tool_calls": result.tool_calls,
        "tool_errors": result.tool_errors,
        "input_tokens": usage.input_tokens if usage else 0,
        "output_tokens": usage.output_tokens if usage else 0,
        "virtual_seconds": round(result.virtual_seconds, 1),
        "judge": judged,
        "error": result.error,
        "wall": {"seconds": round(result.seconds, 2), "money": usage.money if usage else None},
    }


def _confidence(result: Result) -> float | None:
    causes = result.diagnosis.root_causes if result.diagnosis else ()
    return round(causes[0].confidence, 3) if causes else None


def rows(
    results: Sequence[Result], judged: Sequence[float | None]
) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row per candidate: k/n for each task."""
    header = [
        "agent",
        "detection",
        "false alarms",
        "localization",
        "analysis",
        "cause",
        "mitigation",
    ]
    header += ["seconds", "judge"]
    table = []
    for candidate in dict.fromkeys(result.candidate for result in results):
        mine = [r for r in results if r.candidate == candidate]
        scores = [j for r, j in zip(results, judged, strict=True) if r.candidate == candidate and j]
        table.append(
            [*_cells(candidate, mine), f"{sum(scores) / len(scores):.1f}" if scores else "–"]
        )
    return header, table


def _cells(candidate: Candidate, results: Sequence[Result]) -> list[str]:
    faulty = [r for r in results if r.problem.fault]
    healthy = [r for r in results if not r.problem.fault]
    named = [r.cause_named for r in faulty]
    alarms = sum(not grade.success for r in healthy for grade in r.grades)
    mean = sum(r.seconds for r in results) / max(1, len(results))
    return [
        candidate.name,
        _share(faulty, Task.DETECTION),
        f"{alarms}/{len(healthy)}",
        _share(faulty, Task.LOCALIZATION),
        _share(faulty, Task.ANALYSIS),
        f"{sum(map(bool, named))}/{len(named)}",
        _share(faulty, Task.MITIGATION),
        f"{mean:.1f}",
    ]


def _share(results: Sequence[Result], task: Task) -> str:
    grades = [g for r in results for g in r.grades if g.task is task]
    return f"{sum(g.success for g in grades)}/{len(grades)}"


def overall(results: Sequence[Result]) -> float:
    """Return the share of all graded tasks that succeeded, 0 to 1."""
    grades = [grade for result in results for grade in result.grades]
    return sum(grade.success for grade in grades) / max(1, len(grades))
