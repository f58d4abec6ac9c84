"""All numbers about one agent's results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from eval.measures.calibration import Calibration, calibration
from eval.measures.intervals import Share
from eval.measures.repeats import mean_pass_at_k
from eval.problems import Task

Row = Mapping[str, Any]
ORACLES = ("compat", "strict")
NTAM = ("localization", "chain", "links")


@dataclass(frozen=True, slots=True)
class Detection:
    """An incident called one is a hit, a healthy app called one a false alarm."""

    precision: Share
    recall: Share
    false_alarms: Share


@dataclass(frozen=True, slots=True)
class Summary:
    """One agent. `success` is by task and oracle; "all" holds all tasks. Seconds are virtual.

    `ntam` has ITBench's means over broken apps; `hallucinated` are problems in which an object was named
    that never was.
    """

    agent: str
    number: int
    success: Mapping[str, Mapping[str, Share]]
    within_3: Mapping[str, Share]
    detection: Detection
    time: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    ntam: Mapping[str, float | None]
    grounded: Share
    hallucinated: Share
    cause_right: Share
    regressions: int
    calibration: Calibration | None
    actions: Mapping[str, int]
    money: float | None
    pass_at: Mapping[int, float] = field(default_factory=dict)


def summarize(rows: Sequence[Row]) -> list[Summary]:
    """Summarize each agent, in the order of appearance."""
    return [_one(agent, mine) for agent, mine in by(rows, lambda row: str(row["agent"])).items()]


def by(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    """Group rows, in the order of appearance."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def share(rows: Sequence[Row], hit: Callable[[Row], bool]) -> Share:
    """How many rows hit."""
    return Share(sum(map(bool, map(hit, rows))), len(rows))


def said_yes(row: Row) -> bool:
    """Whether a detection was answered with yes."""
    return str(row["solution"] or "").strip().lower().startswith("yes")


def _one(agent: str, rows: list[Row]) -> Summary:
    tasks = by(rows, lambda r: str(r["task"]))
    order = [task.value for task in Task if task.value in tasks]
    groups: dict[str, list[Row]] = {task: tasks[task] for task in order}
    groups["all"] = rows
    located = [r for r in rows if r["within_3"]["strict"] is not None]
    return Summary(
        agent,
        len(rows),
        {name: {o: _success(found, o) for o in ORACLES} for name, found in groups.items()},
        {o: share(located, lambda r, o=o: bool(r["within_3"][o])) for o in ORACLES},  # type: ignore[misc]
        detection(tasks.get(Task.DETECTION.value, [])),
        {task: _times(tasks[task]) for task in order},
        {name: fmean(float(r[name]) for r in rows) for name in _MEANS},
        {name: _mean([(r.get("ntam") or {}).get(name) for r in rows]) for name in NTAM},
        Share(sum(r["grounded"] for r in rows), sum(r["claims"] for r in rows)),
        share([r for r in rows if r.get("hallucinated") is not None], lambda r: r["hallucinated"]),
        share([r for r in rows if r["cause_right"] is not None], lambda r: bool(r["cause_right"])),
        sum(bool(r["regressions"]) for r in rows),
        calibration([pair for r in rows if (pair := _confident(r)) is not None]),
        _actions(rows),
        _money(rows),
        _pass_at(rows),
    )


_MEANS = (
    "steps", "tool_calls", "tool_errors", "invalid_calls", "repeated_calls", "input_tokens",
    "output_tokens", "seconds_from_start", "seconds_from_onset",
)  # fmt: skip


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _success(rows: Sequence[Row], oracle: str) -> Share:
    return share(rows, lambda row: bool(row["success"][oracle]))


def detection(rows: Sequence[Row]) -> Detection:
    """Precision, recall and false alarms of detection's rows."""
    yes = [row for row in rows if said_yes(row)]
    return Detection(
        share(yes, lambda row: bool(row["faulty"])),
        share([row for row in rows if row["faulty"]], said_yes),
        share([row for row in rows if not row["faulty"]], said_yes),
    )


def _times(rows: Sequence[Row]) -> dict[str, float]:
    """Mean virtual seconds until the session ended, from its start and from the fault's onset."""
    return {
        "from_start": fmean(float(row["seconds_from_start"]) for row in rows),
        "from_onset": fmean(float(row["seconds_from_onset"]) for row in rows),
    }


def _confident(row: Row) -> tuple[float, bool] | None:
    """An agent's confidence in its first cause, and whether that cause is there."""
    if row["confidence"] is None or row["cause_right"] is None:
        return None
    return float(row["confidence"]), bool(row["cause_right"])


def _actions(rows: Sequence[Row]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        for name, times in row["actions"].items():
            found[name] = found.get(name, 0) + times
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _money(rows: Sequence[Row]) -> float | None:
    known = [row["wall"].get("money") for row in rows]
    return None if any(value is None for value in known) else sum(map(float, known))


def _pass_at(rows: Sequence[Row]) -> dict[int, float]:
    runs = by(rows, lambda row: str(row["id"]))
    most = min((len(found) for found in runs.values()), default=0)
    strict = [[bool(r["success"]["strict"]) for r in found] for found in runs.values()]
    values = {k: mean_pass_at_k(strict, k) for k in (1, 3, 5, 10) if k <= most and most > 1}
    return {k: value for k, value in values.items() if value is not None}
