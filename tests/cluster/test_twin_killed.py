"""A lab that was killed leaves a twin on the cluster; `lab down` leaves nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.cluster.kube import Kube

pytestmark = pytest.mark.cluster

APP = Path(__file__).with_name("twin_app.yaml")
IMAGE = os.environ.get("CLUSTER_TEST_IMAGE", "python:3.11-slim")
COMMAND = str(Path(sys.executable).parent / "incident-copilot")
NAMESPACE = "twin-killed"


def _run(kubeconfig: Path, *arguments: str) -> list[str]:
    return [COMMAND, "lab", *arguments, "--kubeconfig", str(kubeconfig), "--image", IMAGE]


def test_nothing_is_left_of_a_killed_lab(kubeconfig: Path, kube: Kube) -> None:
    up = _run(
        kubeconfig, "up", "--app", str(APP), "--environment", "kube", "--namespace", NAMESPACE
    )
    lab = subprocess.Popen(up, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while kube.find("Deployment", NAMESPACE, "orders") is None:
            assert time.monotonic() < end, "the lab made nothing"
            time.sleep(0.5)
    finally:
        lab.kill()
        lab.wait()
    down = subprocess.run(
        _run(kubeconfig, "down", "--format", "json"),
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert down.returncode == 0, down.stderr
    assert NAMESPACE in json.loads(down.stdout)["removed"]
    for name in (NAMESPACE, f"{NAMESPACE}-users", f"{NAMESPACE}-volumes"):
        assert kube.find("Namespace", "", name) is None
    volumes = json.loads(kube.request("GET", "/api/v1/persistentvolumes"))["items"]
    assert not [v for v in volumes if v["metadata"]["name"].startswith(NAMESPACE)]
    assert not list(Path(tempfile.gettempdir()).glob(f"cluster-{NAMESPACE}-*"))
