"""The engine's results are the same twice: every field of every line but `wall`.

Without runbooks, for indexing them takes longer than the problems.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.config.settings import Settings
from eval.run import Progress, Wanted, run_suite
from eval.runs.store import read_rows
from eval.suites.catalog import chosen, suite

IDS = ("wrong_bin_usage-analysis-1",)


@pytest.mark.matrix
async def test_two_runs_differ_in_nothing_but_wall(tmp_path: Path) -> None:
    told: list[Progress] = []
    found = []
    for name in ("one", "two"):
        wanted = Wanted(
            chosen(suite("aiopslab"), IDS), ("engine-bare",), parallel=1, out=tmp_path / name
        )
        await run_suite(wanted, Settings(), told.append)
        rows = read_rows(tmp_path / name)
        assert {row["id"] for row in rows} == set(IDS)
        assert all(row.pop("wall")["seconds"] > 0 for row in rows)
        sessions = {path.name: json.loads(path.read_text()) for path in (tmp_path / name / "sessions").iterdir()}  # fmt: skip
        found.append((rows, sessions))
    assert found[0][0] == found[1][0]
    # what a person reads tells how long it took; the rest of a session is the same, too
    for session in [*found[0][1].values(), *found[1][1].values()]:
        session.pop("answer")
    assert found[0][1] == found[1][1]
    assert all(row["success"]["strict"] for row in found[0][0])
