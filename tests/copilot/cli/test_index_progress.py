"""The progress bar of the index on a real terminal (a pty), and none without one."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.copilot.cli.conftest import COMMAND, Forks


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.md").write_text(f"# Case {number}\n\nlook at unique{number}\n")
    return folder


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "INCIDENT_COPILOT_STATE__FOLDER": str(tmp_path / "state"),
        "INCIDENT_COPILOT_KNOWLEDGE__BUILTIN": "false",
        "TERM": "xterm",
        "COLUMNS": "100",
    }


def test_a_bar_on_a_terminal_and_none_without(tmp_path: Path, forks: Forks) -> None:
    folder = folder_of(tmp_path)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [COMMAND, "index", "add", str(folder)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment(tmp_path),
        text=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out = child.communicate(timeout=120)[0]
    assert child.returncode == 0, shown
    assert out == "3 added, 0 updated, 0 unchanged, 0 skipped\n"
    assert b"documents" in shown and b"3/3" in shown
    plain = forks.run("index", "rebuild", environment=environment(tmp_path))
    assert (plain.code, plain.stdout, plain.stderr) == (0, "rebuilt\n", "")


@pytest.mark.matrix
def test_an_accepted_postmortem_is_a_past_incident(tmp_path: Path, forks: Forks) -> None:
    file = tmp_path / "pm-9.md"
    file.write_text(
        "---\ntitle: Ledger froze\ndate: 2026-02-01\nservices: [ledger]\n---\n"
        "# Ledger froze\n\nNothing could be booked.\n"
    )

    def asked(*arguments: str) -> str:
        done = forks.run("index", *arguments, environment=environment(tmp_path))
        assert done.code == 0, done.stderr
        return done.stdout

    assert asked("accept", str(file), "--show").startswith("---\ntitle: Ledger froze")
    said = asked("accept", str(file), "--held", "no", "--cause", "a full disk")
    assert said == "accepted: Ledger froze (accepted/pm-9)\n"
    found = asked("search", "nothing could be booked")
    assert "accepted/pm-9" in found and "its fix did not hold" in found
    missing = forks.run(
        "index", "accept", str(tmp_path / "nowhere.md"), environment=environment(tmp_path)
    )
    assert missing.code == 2
    assert "there is no such file" in missing.stderr
