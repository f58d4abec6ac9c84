"""Problems of a team's own app on a real cluster: verdicts, and nothing left, however the run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.cluster.kube import Kube

pytestmark = pytest.mark.cluster_long

APP = Path(__file__).with_name("twin_app.yaml")
IMAGE = os.environ.get("CLUSTER_TEST_IMAGE", "python:3.11-slim")
COMMAND = str(Path(sys.executable).parent / "incident-copilot")
NAMESPACE = "kiosk"
PROBLEMS = f"""problems:
  - id: closed-{{task}}
    tasks: [detection, localization, mitigation]
    app: {APP}
    faults: [{{kind: scale_to_zero, target: prices}}]
    labels: {{services: [prices]}}
    check: scaled
    settle_seconds: 60
  - {{id: delayed, tasks: [detection], app: {APP}, faults: [{{kind: network_delay, target: prices}}]}}
"""


@pytest.fixture
def command(tmp_path: Path, kubeconfig: Path) -> list[str]:
    suite = tmp_path / "problems.yaml"
    suite.write_text(PROBLEMS)
    where = ["--environment", "kube", "--kubeconfig", str(kubeconfig), "--image", IMAGE]
    return [COMMAND, "eval", "run", "--suite", str(suite), *where, "--out", str(tmp_path / "out")]


def nothing_is_left(kube: Kube) -> None:
    for name in (NAMESPACE, f"{NAMESPACE}-users", f"{NAMESPACE}-volumes"):
        assert kube.find("Namespace", "", name) is None
    volumes = json.loads(kube.request("GET", "/api/v1/persistentvolumes"))["items"]
    assert not [v for v in volumes if v["metadata"]["name"].startswith(NAMESPACE)]
    assert not list(Path(tempfile.gettempdir()).glob(f"cluster-{NAMESPACE}-*"))


def test_the_engine_plays_on_a_real_cluster(command: list[str], kube: Kube, tmp_path: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    assert "Not possible on this environment" in done.stdout
    assert "delayed" in done.stdout
    lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    rows = {row["id"]: row for row in map(json.loads, lines)}
    assert list(rows) == ["closed-detection", "closed-localization", "closed-mitigation"]
    assert {row["environment"] for row in rows.values()} == {"kube"}
    assert all(row["success"] == {"compat": True, "strict": True} for row in rows.values()), [
        row["detail"] for row in rows.values()
    ]
    assert all(row["hallucinated"] == [] for row in rows.values())
    nothing_is_left(kube)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_an_interrupted_run(
    command: list[str], kube: Kube, how: signal.Signals
) -> None:
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + 120
        while kube.find("Deployment", NAMESPACE, "prices") is None:
            assert time.monotonic() < end and running.poll() is None, "the run made nothing"
            time.sleep(0.5)
        running.send_signal(how)
        _, said = running.communicate(timeout=240)
    finally:
        running.kill()
    assert running.returncode == 130, said
    assert "the same command goes on" in said.replace("\n", " ")
    nothing_is_left(kube)
