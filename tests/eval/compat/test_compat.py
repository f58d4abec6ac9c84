"""AIOpsLab's surface: a client script in a process of its own, sessions, the registry."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from eval.compat import FOLDER
from eval.compat.parser import ResponseParser
from eval.compat.registry import ProblemRegistry
from eval.compat.session import Session, SessionItem
from eval.compat.status import ResponseParsingError, SubmissionStatus

ROOT = Path(__file__).parents[3]
LAYOUT = {
    "agent": str, "session_id": str, "problem_id": str, "start_time": float, "end_time": float,
    "trace": list, "results": dict,
}  # fmt: skip


def test_nothing_is_importable_unless_asked_for() -> None:
    assert importlib.util.find_spec("aiopslab") is None


def test_a_client_script_runs_unmodified(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parent / "client.py")]
    done = subprocess.run(
        [*command, "flower_node_stop-detection", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), str(ROOT)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["final"] == "VALID_SUBMISSION"
    assert found["results"]["Detection Accuracy"] == "Correct"
    assert found["results"]["steps"] == 6
    assert found["heard"][0] == "Please take the next action"
    assert all(text.endswith("\nPlease take the next action") for text in found["heard"][1:])
    assert "Error parsing response" in found["heard"][1] and "no_such_action" in found["heard"][3]
    assert "metrics_output" in found["heard"][4] and "1/1" in found["heard"][5]
    assert found["roles"] == ["assistant", "env"] * 6
    (path,) = tmp_path.glob("*.json")
    session = json.loads(path.read_text())
    assert {key: type(value) for key, value in session.items()} == LAYOUT
    assert path.name == f"{uuid.UUID(session['session_id'])}_{session['start_time']}.json"
    assert session["problem_id"] == "flower_node_stop-detection" and session["agent"] == "scripted"
    assert session["end_time"] - session["start_time"] == found["results"]["TTD"]
    assert session["trace"][-1] == {"role": "env", "content": "1"}
    assert {"assistant", "env"} == {item["role"] for item in session["trace"]}


def test_the_registry() -> None:
    registry = ProblemRegistry()
    assert registry.get_problem_count() == 89 == len(registry.PROBLEM_REGISTRY)
    assert registry.get_problem_count("mitigation") == 14
    problem = registry.get_problem_instance("revoke_auth_mongodb-mitigation-1")
    assert problem.namespace == "test-hotel-reservation"
    assert "test-hotel-reservation" in problem.get_task_description()
    assert registry.get_problem_deployment("flower_node_stop-detection") == "docker"
    assert registry.get_problem_deployment("revoke_auth_mongodb-mitigation-1") == "k8s"
    with pytest.raises(ValueError, match="not found in registry"):
        registry.get_problem("nothing-1")


def test_a_session_is_written_and_read_again(tmp_path: Path) -> None:
    session = Session(tmp_path, iter([10.0, 25.5]).__next__)
    session.set_problem(None, pid="p-1")
    session.set_agent("a")
    session.start()
    session.add(SessionItem("assistant", "x"))
    session.add([{"role": "env", "content": SubmissionStatus.VALID_SUBMISSION}])
    session.end()
    session.to_json()
    assert session.get_duration() == 15.5
    again = Session(tmp_path)
    again.from_json(f"{session.session_id}_10.0.json")
    assert again.to_dict() == session.to_dict()


def test_the_parser_speaks_as_the_reference() -> None:
    found = ResponseParser().parse('Look.\n```\nget_logs("ns", service="geo")\n```')
    assert found == {
        "api_name": "get_logs", "args": ["ns"], "kwargs": {"service": "geo"}, "context": ["Look."],
    }  # fmt: skip
    with pytest.raises(ResponseParsingError):
        ResponseParser().parse("no call")


def test_what_the_page_imports_is_there() -> None:
    page = (ROOT / "docs" / "aiopslab.md").read_text()
    blocks = [part.split("```\n\n")[0] for part in page.split("```python\n")[1:]]
    lines = [
        line for line in "\n".join(blocks).splitlines() if line.startswith(("from ", "import "))
    ]
    assert len(lines) >= 7
    path = os.pathsep.join([str(FOLDER), str(ROOT)])
    subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env={**os.environ, "PYTHONPATH": path}, check=True
    )
