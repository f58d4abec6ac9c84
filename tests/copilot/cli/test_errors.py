"""Bad input: one clear line on stderr, the right exit code, and still one document with json."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.cli.exits import ExitCode

COMMAND = str(Path(sys.executable).parent / "incident-copilot")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("error:")]


def test_no_cluster() -> None:
    done = run("investigate", "--format", "json", "-n", "shop")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert len(errors(done)) == 1
    assert "→" in done.stderr
    error = document(done)["error"]
    assert isinstance(error, dict)
    assert error["exit_code"] == ExitCode.UNAVAILABLE


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
    )
    done = run("investigate", "-n", "shop", "--kubeconfig", str(kubeconfig))
    assert done.returncode == ExitCode.UNAVAILABLE
    assert done.stdout == ""
    assert "127.0.0.1:9" in errors(done)[0]


def test_a_kubeconfig_that_is_not_there() -> None:
    done = run("doctor", "--kubeconfig", "/nowhere/config")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "/nowhere/config" in done.stdout
    assert "→" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("investigate", "--format", "json", "--frobnicate"),
        ("investigate", "--format", "json", "--since", "soon"),
        ("investigate", "--format=json", "--alert", "/nowhere.json"),
        ("ask", "--format", "json"),
    ],
)
def test_usage_errors_are_documents_too(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert document(done)["verdict"] == "inconclusive"
    assert len(errors(done)) == 1


def test_a_broken_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[cluster]\nkubconfig = 'x'\n")
    done = run("investigate", "--format", "json", INCIDENT_COPILOT_CONFIG=str(path))
    assert done.returncode == ExitCode.USAGE
    assert "did you mean 'kubeconfig'?" in done.stderr
    document(done)


def test_an_alert_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "alert.json"
    path.write_text('{"alerts": [{"annotations": {}}]}')
    done = run("investigate", "--alert", str(path))
    assert done.returncode == ExitCode.USAGE
    assert "alerts.0.labels" in errors(done)[0]


def test_an_unknown_session() -> None:
    done = run("ask", "--session", "s-none", "and now?")
    assert done.returncode == ExitCode.NOT_FOUND
    assert len(errors(done)) == 1


def test_fix_without_terminal_and_approval() -> None:
    done = run("fix")
    assert done.returncode == ExitCode.NOT_APPROVED
    assert done.stdout == ""


def test_an_unreadable_runbook(tmp_path: Path) -> None:
    bad = tmp_path / "bad.md"
    bad.write_bytes(b"\x00\xff\xfe\x00" * 50)
    good = tmp_path / "good.md"
    good.write_text("# Disk full\n\nDelete old log files on the node.\n")
    done = run("index", "add", str(bad), str(good))
    assert done.returncode == ExitCode.OK
    assert "1 added" in done.stdout
    assert "1 skipped" in done.stdout
    assert "bad.md" in done.stderr


def test_an_index_path_that_is_not_there(tmp_path: Path) -> None:
    missing = run("index", "add", str(tmp_path / "none"))
    assert missing.returncode == ExitCode.USAGE
    assert "no such file" in errors(missing)[0]
