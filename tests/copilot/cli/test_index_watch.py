"""The index follows its sources: watched, and refreshed on a schedule."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

import pytest

from tests.copilot.cli.conftest import COMMAND, Forks


@pytest.mark.parametrize(
    "command", [("watch",), pytest.param(("refresh",), marks=pytest.mark.matrix)]
)
def test_changes_arrive_by_themselves(
    command: tuple[str, ...], tmp_path: Path, forks: Forks
) -> None:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "one.md").write_text("# One\n\nThe first.\n")
    environment = {
        **os.environ,
        "INCIDENT_COPILOT_STATE__FOLDER": str(tmp_path / "state"),
        "INCIDENT_COPILOT_KNOWLEDGE__BUILTIN": "false",
    }
    assert forks.run("index", "add", str(folder), environment=environment).code == 0
    child = subprocess.Popen(
        [COMMAND, "index", *command, "--every", "0.2s"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "0 added, 0 updated, 0 removed\n"
        (folder / "two.md").write_text("# Two\n\nThe second.\n")
        assert _first_change(child.stdout) == "1 added, 0 updated, 0 removed\n"
        (folder / "one.md").unlink()
        assert _first_change(child.stdout) == "0 added, 0 updated, 1 removed\n"
    finally:
        child.kill()
        child.communicate()


def test_an_interval_that_is_none_is_refused(forks: Forks) -> None:
    done = forks.run("index", "watch", "--every", "often")
    assert done.code != 0
    assert "--every 'often' is not an interval" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def _first_change(stream: IO[str]) -> str:
    for line in stream:
        if line != "0 added, 0 updated, 0 removed\n":
            return line
    return ""
