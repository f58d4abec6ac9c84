from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.cli.tools import parsed
from copilot.model.errors import UsageError
from tests.copilot.cli.conftest import Forks
from tests.eval.environments.emulator.cluster.conftest import make_lab


async def copilot(forks: Forks, folder: Path, *words: str) -> tuple[int, str, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "INCIDENT_COPILOT_STATE__FOLDER": str(folder),
    }
    done = await asyncio.to_thread(forks.run, "tools", *words, environment=environment)
    return done.code, done.stdout, done.stderr


async def test_tools_are_listed_and_described(tmp_path: Path, forks: Forks) -> None:
    code, out, _ = await copilot(forks, tmp_path, "list")
    assert code == 0
    assert "\ncheck_connectivity  Whether a Service can be reached" in out
    code, out, _ = await copilot(forks, tmp_path, "describe", "get_logs", "--format", "json")
    assert json.loads(out)["parameters"]["required"] == ["service"]
    code, _, err = await copilot(forks, tmp_path, "describe", "get_log")
    assert code == 5
    assert "did you mean get_logs" in err


async def test_a_tool_is_called_as_an_agent_would(tmp_path: Path, forks: Forks) -> None:
    lab = make_lab()
    data = {"DB_PASSWORD": "hunter2", "mode": "fast"}
    metadata = {"name": "settings", "namespace": "shop"}
    lab.cluster.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    )
    await lab.cluster.serve()
    lab.cluster.kubeconfig(tmp_path / "kubeconfig", "admin", namespace="shop")
    where = ("--kubeconfig", str(tmp_path / "kubeconfig"), "-n", "shop")
    call = ("call", "describe_resource", "kind=cm")
    code, out, _ = await copilot(forks, tmp_path, *call, "name=settings", *where)
    assert code == 0
    assert "mode: fast" in out
    assert "hunter2" not in out
    code, out, err = await copilot(
        forks, tmp_path, *call, "name=setting", "--format", "json", *where
    )
    assert code == 2
    assert json.loads(out)["error"] == "correct_your_call"
    assert "settings" in err
    await lab.cluster.close()


def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("incident-copilot")
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [script, "tools", "list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_arguments_are_keys_with_values() -> None:
    assert parsed(["a=1", "b=x=y", 'c={"d": 1}']) == {"a": "1", "b": "x=y", "c": {"d": 1}}
    for word in ("a", "=b", "a={x"):
        with pytest.raises(UsageError):
            parsed([word])
