"""A against B, on the problems that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from copilot.model.errors import UsageError
from eval.measures.paired import Paired, compare
from eval.measures.summary import Row, by
from eval.problems import Task


@dataclass(frozen=True, slots=True)
class Comparison:
    """By task and, last, over all; `unpaired` are the problems that only one of them has."""

    first: str
    second: str
    results: tuple[tuple[str, Paired], ...]
    unpaired: int

    @property
    def whole(self) -> Paired:
        """Over all tasks."""
        return self.results[-1][1]


def compare_rows(first: Sequence[Row], second: Sequence[Row], oracle: str) -> Comparison:
    """Compare one agent's results with another's (or its own, of another day).

    Raises `UsageError` when one side has several agents, or no problem is common.
    """
    names = [_only_agent(rows) for rows in (first, second)]
    one, other = ({_place(row): row for row in rows} for rows in (first, second))
    common = [place for place in one if place in other]
    if not common:
        raise UsageError("the two have no problem in common")
    pairs = {place: (one[place], other[place]) for place in common}
    found: list[tuple[str, Paired]] = []
    groups = by([one[place] for place in common], lambda row: str(row["task"]))
    for task in Task:
        if task.value in groups:
            found.append(
                (task.value, _paired([pairs[_place(r)] for r in groups[task.value]], oracle))
            )
    found.append(("all", _paired(list(pairs.values()), oracle)))
    unpaired = len(one) + len(other) - 2 * len(common)
    return Comparison(names[0], names[1], tuple(found), unpaired)


def _paired(pairs: Sequence[tuple[Row, Row]], oracle: str) -> Paired:
    return compare(
        [bool(a["success"][oracle]) for a, _ in pairs],
        [bool(b["success"][oracle]) for _, b in pairs],
    )


def _place(row: Row) -> tuple[str, int, int]:
    return str(row["id"]), int(row["seed"]), int(row["repeat"])


def _only_agent(rows: Sequence[Row]) -> str:
    agents = list(dict.fromkeys(str(row["agent"]) for row in rows))
    if len(agents) != 1:
        raise UsageError(
            f"one agent on each side, not {', '.join(agents) or 'none'}",
            hint="name it: DIR:AGENT",
        )
    return agents[0]
