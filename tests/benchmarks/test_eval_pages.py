"""The pages over several runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import eval_kube, suites
from tests.eval.report.test_report import row


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True)
    (folder / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return folder


def test_all_suites_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = {"ntam": {"localization": 0.5, "chain": 0.25, "links": 0.0}, "hallucinated": ["Pod/x"]}
    write(tmp_path / "noise", [row(0), row(1, right=False)])
    write(tmp_path / "healthy", [{**row(2), **near}])
    write(tmp_path / "unknown", [row(3)])
    suites.main([str(tmp_path), "--report", str(tmp_path / "page.md")])
    text = (tmp_path / "page.md").read_text()
    assert capsys.readouterr().out == f"{text}\n"
    assert "| noise | a | 2 of 80 | 50% (1/2" in text
    healthy = next(line for line in text.splitlines() if line.startswith("| healthy"))
    assert "| 0.50 | 0.25 | 100% (1/1" in healthy
    assert "| noise | detection | 1/2 | `p-1`" in text and "unknown" not in text


def test_a_cluster_beside_the_emulator(tmp_path: Path) -> None:
    alike = [row(0), row(1)]
    emulated = write(tmp_path / "emulator", alike)
    real = write(tmp_path / "kube", [{**one, "environment": "kube"} for one in alike])
    page = tmp_path / "page.md"
    with pytest.raises(SystemExit) as ended:
        eval_kube.main([str(emulated), str(real), "--report", str(page)])
    assert ended.value.code == 0
    assert "**2 of 2** have the same verdicts" in page.read_text()
    assert "pod_failure: needs" in page.read_text()
    other = write(
        tmp_path / "other", [{**row(0, right=False), "cause": "d", "environment": "kube"}]
    )
    with pytest.raises(SystemExit) as ended:
        eval_kube.main([str(emulated), str(other), "--report", str(page)])
    assert ended.value.code == 1
    assert "✓ → ✗" in page.read_text() and "c → d" in page.read_text()
    assert "**differ**" in page.read_text()
