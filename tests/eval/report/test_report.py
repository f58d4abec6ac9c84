"""Results as lines, tables, pages and comparisons."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from copilot.model.errors import UsageError
from eval.measures.summary import summarize
from eval.problems import Problem, Task
from eval.report.compare import compare_rows
from eval.report.html import page
from eval.report.junit import junit
from eval.report.paper import beside_the_paper, overall
from eval.report.tables import measures
from eval.runs.one import Job, Outcome
from eval.runs.store import Store, key_of, read_rows, read_sessions

EVIL = "</script><script>alert(1)</script>"


def row(
    number: int, *, agent: str = "a", task: str = "detection", right: bool = True
) -> dict[str, Any]:
    third = right if task == "localization" else None
    return {
        "id": f"p-{number}", "task": task, "app": "x", "instance": "x", "truth": "The cause is T.",
        "truth_parts": {"objects": ["Deployment/s/T"], "cause": "T is down", "chain": ["Deployment/s/T"]},
        "faulty": number % 2 == 0, "agent": agent, "seed": 0, "repeat": 0,
        "success": {"compat": right, "strict": right}, "detail": {"compat": "c", "strict": EVIL},
        "subset": {"compat": None, "strict": None}, "within_3": {"compat": third, "strict": third},
        "diagnosed": None, "mitigated": None, "regressions": [], "submitted": True,
        "solution": "Yes" if (number % 2 == 0) is right else "No", "cause": "c", "cause_right": right,
        "confidence": 0.9, "seconds_from_start": 10.0, "seconds_from_onset": 250.0, "steps": number + 1,
        "invalid_calls": 0, "repeated_calls": 0, "tool_calls": 3, "tool_errors": 0,
        "actions": {"get_logs": 2, "submit": 1}, "input_tokens": 5, "output_tokens": 5, "claims": 1,
        "grounded": 1, "named": [], "stopped": "", "failure": "",
        "wall": {"seconds": 1.0, "agent_seconds": 0.5, "money": 0.0},
    }  # fmt: skip


def session(number: int) -> dict[str, Any]:
    return {"trace": [{"role": "assistant", "content": f"{EVIL} {number}"}], "answer": "It is T."}


def test_lines_survive_a_crash_and_are_put_in_order(tmp_path: Path) -> None:
    jobs = [Job(Problem(f"p-{n}", Task.DETECTION, "x"), "a", 0) for n in range(3)]
    store = Store(tmp_path)
    store.add(Outcome(row(2), session(2)))
    store.add(Outcome(row(0), session(0)))
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"id": "p-1", "agent": "a", "se')
    again = Store(tmp_path)
    assert [again.row(job) is not None for job in jobs] == [True, False, True]
    again.add(Outcome(row(1), session(1)))
    assert [r["id"] for r in again.finish(jobs)] == ["p-0", "p-1", "p-2"]
    rows = read_rows(tmp_path)
    assert [r["id"] for r in rows] == ["p-0", "p-1", "p-2"]
    assert set(read_sessions(tmp_path, rows)) == {key_of(r) for r in rows}


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results"):
        read_rows(tmp_path)
    (tmp_path / "results.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(UsageError, match=r"results.jsonl:1: not a line of results"):
        read_rows(tmp_path)


def test_a_summary() -> None:
    found = summarize([row(n, right=n != 3) for n in range(4)])[0]
    assert found.success["detection"]["strict"].hits == 3
    assert found.detection.recall.value == 1.0
    assert found.detection.precision.value == pytest.approx(2 / 3)
    assert found.detection.false_alarms.value == 0.5
    assert found.calibration is not None
    assert found.calibration.ece == pytest.approx(0.15)
    assert found.actions == {"get_logs": 8, "submit": 4}


def test_the_page_holds_everything_and_nothing_escapes() -> None:
    rows = [row(n) for n in range(3)] + [row(n, agent="b", right=False) for n in range(3)]
    text = page(rows, {key_of(rows[0]): session(0)})
    assert EVIL not in text
    assert "http://" not in text and "https://" not in text
    data = text.split('id="data">')[1].split("</script>")[0].replace("<\\/", "</")
    assert [item["row"]["id"] for item in json.loads(data)] == [r["id"] for r in rows]
    for part in ("Calibration", "Action mix", "Step limit", "Trajectories", "prefers-color-scheme"):
        assert part in text


def test_measures_have_one_column_an_agent() -> None:
    header, body = measures(summarize([row(0), row(1), row(0, agent="b")]))
    assert header == ["measure", "a", "b"]
    found = {cells[0]: cells[1:] for cells in body}
    assert found["steps"] == ["1.5", "1.0"]
    assert found["TTD: seconds from onset"] == ["250", "250"]
    assert not any("TTM" in name for name in found)


@pytest.mark.browser
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no Chromium here")
    rows = [row(n, right=n != 1) for n in range(3)]
    (tmp_path / "page.html").write_text(page(rows, {key_of(rows[0]): session(0)}))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    done = subprocess.run(
        [*command, f"file://{tmp_path}/page.html"], capture_output=True, text=True, check=True
    )
    shown = done.stdout.partition('<div class="list"')[2].partition("<script")[0]
    assert [f"p-{n}<small>" in shown for n in range(3)] == [True] * 3
    assert html.escape(f"{EVIL} 0", quote=False) in shown


def test_junit() -> None:
    root = ElementTree.fromstring(junit([row(0), row(1, right=False)]))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.find("failure") is None for case in suite] == [True, False]


def test_a_comparison() -> None:
    first = [row(n) for n in range(8)]
    second = [row(n, right=n < 1) for n in range(9)]
    found = compare_rows(first, second, "strict")
    assert found.unpaired == 1
    assert found.whole.worse
    assert found.whole.only_first == 7
    with pytest.raises(UsageError, match="one agent on each side"):
        compare_rows([*first, row(0, agent="b")], second, "strict")
    with pytest.raises(UsageError, match="no problem in common"):
        compare_rows(first, [row(99)], "strict")


def test_beside_the_paper_counts_as_the_paper() -> None:
    half = {**row(1, task="analysis", right=False), "subset": {"compat": True, "strict": True}}
    third = {
        **row(2, task="localization", right=False),
        "within_3": {"compat": True, "strict": True},
    }
    rows = [row(0), half, third]
    assert (overall(rows).hits, overall(rows).number) == (3, 4)
    text = beside_the_paper(rows)
    assert "| FLASH (paper) | 100 | 61.54 | 46.15 | 36.36 | 54.55 |" in text
    assert "| **a** | 100% (1/1" in text
