"""Runs a suite over candidates and prints what came of it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from copilot.config.settings import Settings
from copilot.model.errors import UsageError
from eval import memory
from eval.environments.emulator.environment import START
from eval.judge import judge_answer
from eval.problems import suite
from eval.runner import Candidate, Result, run_problem
from eval.table import line, overall, rows


def candidates(names: tuple[str, ...], settings: Settings) -> tuple[Candidate, ...]:
    """Return the agents to grade, each also without the built-in runbooks. Raises `UsageError`."""
    chosen: list[Candidate] = []
    for name in names:
        if name not in ("engine", "llm"):
            raise UsageError(f"there is no agent {name!r}", hint="there are: engine, llm")
        if name == "llm" and not settings.model.usable:
            raise UsageError(
                "the agent 'llm' needs a model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL"
            )
        model = name == "llm"
        chosen += [
            Candidate(name, model),
            Candidate(f"{name}, no built-in runbooks", model, builtin=False, incidents=False),
        ]
    return tuple(chosen)


async def run_suite(
    settings: Settings,
    name: str,
    agents: tuple[str, ...],
    *,
    out: Path | None,
    seed: int,
    judge: bool,
) -> float:
    """Run it, write `results.jsonl` as it goes, print the table; return the share of successes."""
    problems, chosen = suite(name), candidates(agents, settings)
    if judge and not settings.model.usable:
        raise UsageError("--judge needs a model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL")
    narration = Console(stderr=True)
    results: list[Result] = []
    judged: list[float | None] = []
    lines = _Lines(out)
    for candidate in chosen:
        with tempfile.TemporaryDirectory(prefix="incident-copilot-eval-") as folder:
            prepared = Path(folder)
            await memory.prepare(
                prepared, START, builtin=candidate.builtin, incidents=candidate.incidents
            )
            for problem in problems:
                result = await run_problem(
                    settings, problem, candidate, seed=seed, prepared=prepared
                )
                score = await judge_answer(settings.model, result) if judge else None
                results.append(result)
                judged.append(score)
                lines.add(line(result, score))
                marks = " ".join(f"{g.task}:{'✓' if g.success else '✗'}" for g in result.grades)
                narration.print(f"{candidate.name} · {problem.id} · {marks}", style="dim")
    _print(results, judged)
    return overall(results)


class _Lines:
    """Appends to `results.jsonl`, each line as soon as it is known."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "results.jsonl" if folder else None
        if folder and self._path:
            folder.mkdir(parents=True, exist_ok=True)
            self._path.write_text("", encoding="utf-8")

    def add(self, line: dict[str, Any]) -> None:
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _print(results: list[Result], judged: list[float | None]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    header, body = rows(results, judged)
    table = Table(title="Successes of tasks (strict oracles)")
    for column in header:
        table.add_column(column)
    for row in body:
        table.add_row(*row)
    console.print(table)
    failures = [r for r in results if r.error or not all(g.success for g in r.grades)]
    for result in failures:
        wrong = "; ".join(f"{g.task}: {g.detail}" for g in result.grades if not g.success)
        console.print(f"✗ {result.candidate.name} · {result.problem.id} · {result.error or wrong}")
    console.print(f"{overall(results):.0%} of all tasks")
