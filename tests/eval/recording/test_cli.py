from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from copilot.cli import eval_recommend, eval_recording
from eval.recording.bundle import load
from tests.eval.recording.test_bundle import _MANIFEST, _pod, _write

app = typer.Typer()
eval_recommend.register(app)
eval_recording.register(app)
run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENT_COPILOT_STATE__FOLDER", str(tmp_path / "state"))


def test_validate_names_file_and_line_and_exits_2(tmp_path: Path) -> None:
    good = _write(tmp_path / "good.zip", objects=[_pod("a")])
    assert run(app, ["validate", str(good)]).exit_code == 0
    bad = _write(tmp_path / "bad.zip", objects=[_pod("a"), "{"])
    found = run(app, ["validate", str(bad)])
    assert found.exit_code == 2
    assert found.stdout.startswith("objects.jsonl:2: ")


def test_replay_grades_a_bundle_that_another_tool_wrote(tmp_path: Path) -> None:
    kinds = [
        {"kind": kind, "group": group, "version": "v1", "plural": plural, "namespaced": namespaced,
         "recorded": True}
        for kind, group, plural, namespaced in (
            ("Pod", "", "pods", True), ("Service", "", "services", True),
            ("Node", "", "nodes", False), ("Event", "", "events", True),
        )
    ]  # fmt: skip
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    pod = {
        **_pod("cart-1"),
        "spec": {"containers": [{"name": "cart", "image": "cart:9"}], "nodeName": "n"},
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {
                    "name": "cart", "ready": False, "restartCount": 0, "image": "cart:9",
                    "state": {"waiting": {"reason": "ImagePullBackOff",
                                          "message": "cart:9: not found"}},
                }
            ],
        },
    }  # fmt: skip
    pod["metadata"] = {**pod["metadata"], "labels": {"app": "cart"}}
    manifest = {**_MANIFEST, "cluster": {"kinds": kinds}}
    path = _write(tmp_path / "b.zip", manifest, objects=[pod, service])
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_text(json.dumps({"faulty": True}))
    wrong.write_text(json.dumps({"faulty": False}))
    found = run(app, ["replay", str(path), "--truth", str(right), "--format", "json"])
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert said["diagnosis"]["verdict"] == "incident"
    assert said["grades"]["detection"] is True
    assert said["grades"]["mitigation"] == "not gradable"
    assert any("not recorded" in text for text in said["diagnosis"]["missing_sources"])
    found = run(app, ["replay", str(path), "--truth", str(wrong)])
    assert found.exit_code == 12
    assert "detection: wrong" in found.stdout


def test_record_refuses_to_replace_a_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "b.zip")
    found = run(app, ["record", "--out", str(path)])
    assert found.exit_code == 2
    assert "exists" in found.stderr
    assert load(path).objects == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--since", "soon"], "no day"), (["--stale", "7,x"], "no days"), ([], "No such file")],
)
def test_recommend_refuses_bad_input(tmp_path: Path, options: list[str], words: str) -> None:
    path = tmp_path / "x.jsonl"
    if options:
        incident = {"id": "a", "date": "2024-01-01", "reporter": "machine", "title": "t"}
        path.write_text(json.dumps({**incident, "root_cause": "r", "mitigation": "m"}))
    found = run(app, ["recommend", str(path), *options])
    assert found.exit_code == 2
    assert words in found.stderr
