"""Results as tables: headers and rows of text, for terminals, Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Sequence

from eval.measures.intervals import Share
from eval.measures.paired import Paired
from eval.measures.summary import Row, Summary
from eval.problems import Task

Table = tuple[list[str], list[list[str]]]
_SHORT = {"end_to_end": "end to end"}


def percent(share: Share) -> str:
    """ "62 % (8/13, 36–82)": the share, what it is of, and its 95 % interval."""
    if share.value is None:
        return "–"
    low, high = share.interval
    return f"{share.value:.0%} ({share.hits}/{share.number}, {low * 100:.0f}–{high * 100:.0f})"


def successes(found: Sequence[Summary], oracle: str) -> Table:
    """Success by task, one row an agent."""
    tasks = [task.value for task in Task if any(task.value in s.success for s in found)]
    header = ["agent", *(_SHORT.get(task, task) for task in tasks), "all", "localization @3"]
    body = []
    for one in found:
        cells = [percent(one.success[t][oracle]) if t in one.success else "–" for t in tasks]
        body.append(
            [
                one.agent,
                *cells,
                percent(one.success["all"][oracle]),
                percent(one.within_3[oracle]),
            ]
        )
    return header, body


def measures(found: Sequence[Summary]) -> Table:
    """Everything else."""
    header = [
        "agent", "precision", "recall", "false alarms", "cause right", "grounded", "regressions",
        "s from start", "s from onset", "steps", "tool calls", "errors", "invalid", "repeated",
        "tokens", "dollars", "ECE", "Brier",
    ]  # fmt: skip
    body = []
    for one in found:
        mean, sure = one.means, one.calibration
        body.append(
            [
                one.agent,
                percent(one.detection.precision),
                percent(one.detection.recall),
                percent(one.detection.false_alarms),
                percent(one.cause_right),
                percent(one.grounded),
                str(one.regressions),
                f"{mean['seconds_from_start']:.0f}",
                f"{mean['seconds_from_onset']:.0f}",
                f"{mean['steps']:.1f}",
                f"{mean['tool_calls']:.1f}",
                f"{mean['tool_errors']:.2f}",
                f"{mean['invalid_calls']:.2f}",
                f"{mean['repeated_calls']:.2f}",
                f"{mean['input_tokens'] + mean['output_tokens']:.0f}",
                "–" if one.money is None else f"{one.money:.2f}",
                f"{sure.ece:.2f}" if sure else "–",
                f"{sure.brier:.2f}" if sure else "–",
            ]
        )
    return header, body


def failures(rows: Sequence[Row]) -> Table:
    """What failed strictly, and why."""
    body = []
    for row in rows:
        if not row["success"]["strict"]:
            compat = "passes compat" if row["success"]["compat"] else ""
            why = "; ".join(filter(None, (row["detail"]["strict"], row["failure"], row["stopped"])))
            body.append([row["agent"], row["id"], compat, why])
    return ["agent", "problem", "", "why"], body


def comparison(results: Sequence[tuple[str, Paired]]) -> Table:
    """Two agents, task by task."""
    header = ["task", "both", "only A", "only B", "neither", "B − A", "95 %", "p (McNemar)", ""]
    body = []
    for name, one in results:
        word = "B is better" if one.better else "B is worse" if one.worse else ""
        counts = [one.both, one.only_first, one.only_second, one.neither]
        body.append(
            [
                name,
                *map(str, counts),
                f"{one.difference:+.1%}",
                f"{one.low:+.1%} to {one.high:+.1%}",
                f"{one.p:.3f}",
                word,
            ]
        )
    return header, body


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    header, body = table
    lines = [f"| {' | '.join(header)} |", f"| {' | '.join('---' for _ in header)} |"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in body]
    return "\n".join(lines) + "\n"
