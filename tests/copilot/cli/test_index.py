from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from copilot.cli.batch import read_queries
from copilot.model.errors import UsageError
from tests.copilot.cli.conftest import Forks


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.jsonl"
    lines = [
        {"id": "a", "query": "the pod was killed because it used too much memory"},
        {"id": 2, "query": "names cannot be resolved"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n", "utf-8")
    return path


def test_many_queries_are_answered_in_one_run(queries: Path, forks: Forks) -> None:
    done = forks.run("index", "search", "--batch", str(queries), "--format", "jsonl")
    assert done.code == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", 2]
    for answer in answers:
        paths = [result["path"] for result in answer["results"]]
        assert len(set(paths)) == len(paths) == 10
        scores = [result["score"] for result in answer["results"]]
        assert scores == sorted(scores, reverse=True)
    assert "oom" in answers[0]["results"][0]["path"]
    assert "dns" in answers[1]["results"][0]["path"]


@pytest.mark.parametrize(
    "line", ["{", '{"id": 1}', '{"query": "x"}', '"x"', '{"id": [1], "query": "x"}']
)
def test_a_bad_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"id": 1, "query": "x"}\n' + line, "utf-8")
    with pytest.raises(UsageError, match=r"queries\.jsonl:2"):
        read_queries(path)


def test_a_batch_is_answered_with_documents_of_ones_own(tmp_path: Path, forks: Forks) -> None:
    """Ten of them for every query, though nothing speaks for most; what is built in takes no place."""
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    for number in range(12):
        place = folder / "deep" if number % 2 else folder
        text = f"<!-- note -->\n# Case {number}\n\nlook at *unique{number}*, <b>then</b> wait\n"
        (place / f"{number}.md").write_text(text)
    queries = tmp_path / "queries.jsonl"
    lines = [{"id": n, "query": text} for n, text in enumerate(["unique7", "zzzz qqqq", "???"])]
    queries.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    env = {**os.environ, "INCIDENT_COPILOT_STATE__FOLDER": str(tmp_path / "state")}
    for arguments in (["add", str(folder)], ["search", "--batch", str(queries)]):
        done = forks.run("index", *arguments, environment=env)
        assert done.code == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [0, 1, 2]
    for answer in answers:
        paths = [result["path"] for result in answer["results"]]
        assert len(set(paths)) == len(paths) == 10
        assert all(path.startswith(str(folder)) for path in paths)
    assert answers[0]["results"][0]["path"].endswith("docs/deep/7.md")
