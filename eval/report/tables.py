"""Results as tables: headers and rows of text, for terminals, Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eval.measures.intervals import Share
from eval.measures.paired import Paired
from eval.measures.summary import Row, Summary
from eval.problems import Task

Table = tuple[list[str], list[list[str]]]
_SHORT = {"end_to_end": "end to end"}
_TIMES = {"detection": "TTD", "localization": "TTL", "analysis": "TTA", "mitigation": "TTM"}


def _mean(name: str, digits: int) -> Callable[[Summary], str]:
    return lambda one: f"{one.means[name]:.{digits}f}"


def _ntam(name: str) -> Callable[[Summary], str]:
    def cell(one: Summary) -> str:
        value = one.ntam[name]
        return "–" if value is None else f"{value:.2f}"

    return cell


_MEASURES: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("detection: precision", lambda one: percent(one.detection.precision)),
    ("detection: recall", lambda one: percent(one.detection.recall)),
    ("detection: false alarms", lambda one: percent(one.detection.false_alarms)),
    ("cause at rank 1 right", lambda one: percent(one.cause_right)),
    ("NTAM: root causes", _ntam("localization")),
    ("NTAM: propagation chain", _ntam("chain")),
    ("propagation chain: F1 of links", _ntam("links")),
    ("problems with made-up objects", lambda one: percent(one.hallucinated)),
    ("claims grounded", lambda one: percent(one.grounded)),
    ("problems with regressions", lambda one: str(one.regressions)),
    ("seconds from session start", _mean("seconds_from_start", 0)),
    ("seconds from onset", _mean("seconds_from_onset", 0)),
    ("steps", _mean("steps", 1)),
    ("tool calls", _mean("tool_calls", 1)),
    ("tool errors", _mean("tool_errors", 2)),
    ("invalid calls", _mean("invalid_calls", 2)),
    ("repeated calls", _mean("repeated_calls", 2)),
    ("tokens", lambda one: f"{one.means['input_tokens'] + one.means['output_tokens']:.0f}"),
    ("dollars, in all", lambda one: "–" if one.money is None else f"{one.money:.2f}"),
    ("calibration: ECE", lambda one: f"{one.calibration.ece:.2f}" if one.calibration else "–"),
    ("calibration: Brier", lambda one: f"{one.calibration.brier:.2f}" if one.calibration else "–"),
)


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
    """Everything else: one row a measure, one column an agent."""
    body = [[name, *map(cell, found)] for name, cell in _MEASURES]
    for task, short in _TIMES.items():
        for key, text in (("from_start", "session start"), ("from_onset", "onset")):
            cells = [f"{s.time[task][key]:.0f}" if task in s.time else "–" for s in found]
            if set(cells) != {"–"}:
                body.append([f"{short}: seconds from {text}", *cells])
    for k in sorted({k for one in found for k in one.pass_at}):
        cells = [f"{one.pass_at[k]:.0%}" if k in one.pass_at else "–" for one in found]
        body.append([f"pass@{k}, strict", *cells])
    return ["measure", *(one.agent for one in found)], body


def failures(rows: Sequence[Row]) -> Table:
    """What failed strictly, and why."""
    body = []
    for row in rows:
        if not row["success"]["strict"]:
            compat = "passes" if row["success"]["compat"] else "fails"
            why = "; ".join(filter(None, (row["detail"]["strict"], row["failure"], row["stopped"])))
            body.append([row["agent"], row["id"], compat, why])
    return ["agent", "problem", "compat", "why"], body


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
