"""One HTML page of results, with everything in it: it opens from a disk, in light and in dark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from eval.judge.folder import Judged, scores, troubles, with_people
from eval.measures.summary import Row, Summary, by, share, summarize
from eval.problems import Task
from eval.report import charts
from eval.report.tables import Table, failures, measures, successes
from eval.runs.store import key_of

_FEW_ACTIONS = 6


def page(rows: Sequence[Row], sessions: Mapping[str, Any], judged: Judged | None = None) -> str:
    """Return the page, with a judge's verdicts where there are any. Whatever an agent wrote is data in it, never markup."""
    found = summarize(rows)
    here = Path(__file__).parent
    parts = [
        _part("Success, strict", "The cause is gone, users are served, nothing else broke.",
              _table(successes(found, "strict"))),
        _part("Success, compat", "AIOpsLab's own checks, flaws included.",
              _table(successes(found, "compat"))),
        _part("Success by task", "Strict; the thin line is the 95 % interval.", _by_task(found)),
        "<div class='pair'>",
        _part("Cost against accuracy", "Tool calls a problem; strict.", _cost(found)),
        _part("Calibration", "How often the cause at rank 1 was right, by the agent's own confidence.",
              _calibration(found)),
        _part("Step limit", "Success had the session ended after so many steps.", _steps(rows)),
        "</div>",
        _part("Action mix", "Which tools are used, as shares.", _actions(found)),
        _part("Measures", "Means over problems; seconds are virtual.", _table(measures(found))),
        *_judge(rows, judged),
        _failures(rows),
    ]  # fmt: skip
    data = json.dumps(
        [
            {
                "row": row,
                "session": sessions.get(key_of(dict(row))),
                "verdict": judged.verdicts.get(key_of(dict(row))) if judged else None,
            }
            for row in rows
        ],
        default=str,
    ).replace("</", "<\\/")
    return (
        (here / "page.html")
        .read_text("utf-8")
        .replace("{{parts}}", "".join(parts))
        .replace("{{number}}", str(len(rows)))
        .replace("{{data}}", data)
    )


def _judge(rows: Sequence[Row], judged: Judged | None) -> list[str]:
    if judged is None:
        return []
    text = "Cohen's kappa with its 95 % interval: how far to trust these scores."
    votes = troubles(judged)
    return [
        _part("The judge", text, _table(scores(rows, judged))),
        _part("The judge beside people", "On labelled answers.", _table(with_people(judged))),
        _part("Votes", "Replies without a verdict, and whether their order mattered.",
              _table(votes) if len(votes[1]) > 1 else ""),
    ]  # fmt: skip


def _part(title: str, text: str, body: str) -> str:
    if not body:
        return ""
    return f"<section><h2>{escape(title)}</h2><p>{escape(text)}</p><div class='wide'>{body}</div></section>"


def _table(table: Table) -> str:
    header, body = table
    if not body:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in body
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _failures(rows: Sequence[Row]) -> str:
    """One fold an agent, for controls fail nearly everywhere."""
    parts = []
    for agent, mine in by(rows, lambda row: str(row["agent"])).items():
        header, body = failures(mine)
        if body:
            head = f"<summary>{escape(agent)}: {len(body)} of {len(mine)}</summary>"
            table = _table((header[1:], [cells[1:] for cells in body]))
            parts.append(f"<details>{head}{table}</details>")
    return _part("Failures", "Strictly judged; open an agent.", "".join(parts))


def _by_task(found: Sequence[Summary]) -> str:
    groups = []
    for task in [*[t.value for t in Task], "all"]:
        rows = [
            (one.agent, it.value, *it.interval, number)
            for number, one in enumerate(found)
            if task in one.success and (it := one.success[task]["strict"]).value is not None
        ]
        if rows:
            groups.append((task.replace("_", " "), rows))
    return charts.bars(groups)


def _cost(found: Sequence[Summary]) -> str:
    points = [
        (one.agent, one.means["tool_calls"], one.success["all"]["strict"].value or 0.0, number)
        for number, one in enumerate(found)
    ]
    return charts.scatter(points, "tool calls", "success")


def _calibration(found: Sequence[Summary]) -> str:
    series = [
        (f"{one.agent} (ECE {one.calibration.ece:.2f})",
         [(b.confidence, b.right) for b in one.calibration.bins], number)
        for number, one in enumerate(found)
        if one.calibration
    ]  # fmt: skip
    return charts.lines(series, "confidence", "right", diagonal=True) if series else ""


def _actions(found: Sequence[Summary]) -> str:
    total: dict[str, int] = {}
    for one in found:
        for name, times in one.actions.items():
            total[name] = total.get(name, 0) + times
    names = sorted(total, key=lambda name: -total[name])[: _FEW_ACTIONS - 1]
    rows = []
    for one in found:
        mix = [(name, one.actions.get(name, 0)) for name in names]
        rest = sum(times for name, times in one.actions.items() if name not in names)
        rows.append((one.agent, [*mix, ("other", rest)]))
    return charts.stacked(rows, [*names, "other"])


def _steps(rows: Sequence[Row]) -> str:
    most = max((int(row["steps"]) for row in rows), default=0)
    if most <= 1:
        return ""
    series = []
    agents = by(rows, lambda row: str(row["agent"]))
    for number, (agent, mine) in enumerate(agents.items()):
        points = []
        for limit in range(1, most + 1):
            hit = share(mine, lambda r, n=limit: bool(r["success"]["strict"] and r["steps"] <= n))  # type: ignore[misc]
            points.append((float(limit), hit.value or 0.0))
        series.append((agent, points, number))
    return charts.lines(series, "steps", "success")
