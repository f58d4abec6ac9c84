"""Bad input: one clear line on stderr, the right exit code, and still one document with json."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from copilot.cli.exits import ExitCode
from tests.copilot.cli.conftest import COMMAND, Done, Forks


def run_script(*arguments: str) -> Done:
    done = subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def document(done: Done) -> dict[str, object]:
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_no_cluster() -> None:
    done = run_script("investigate", "--format", "json", "-n", "shop")
    assert done.code == ExitCode.UNAVAILABLE
    assert len(done.errors) == 1
    assert "→" in done.stderr
    error = document(done)["error"]
    assert isinstance(error, dict)
    assert error["exit_code"] == ExitCode.UNAVAILABLE


def test_a_cluster_that_does_not_answer(tmp_path: Path, forks: Forks) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
    )
    done = forks.run("investigate", "-n", "shop", "--kubeconfig", str(kubeconfig))
    assert done.code == ExitCode.UNAVAILABLE
    assert done.stdout == ""
    assert "127.0.0.1:9" in done.errors[0]


def test_a_kubeconfig_that_is_not_there(forks: Forks) -> None:
    done = forks.run("doctor", "--kubeconfig", "/nowhere/config")
    assert done.code == ExitCode.UNAVAILABLE
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
def test_usage_errors_are_documents_too(arguments: tuple[str, ...], forks: Forks) -> None:
    done = forks.run(*arguments)
    assert done.code == ExitCode.USAGE
    assert document(done)["verdict"] == "inconclusive"
    assert len(done.errors) == 1


def test_a_broken_settings_file(tmp_path: Path, forks: Forks) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[cluster]\nkubconfig = 'x'\n")
    done = forks.run(
        "investigate",
        "--format",
        "json",
        environment={**os.environ, "INCIDENT_COPILOT_CONFIG": str(path)},
    )
    assert done.code == ExitCode.USAGE
    assert "did you mean 'kubeconfig'?" in done.stderr
    document(done)


def test_an_alert_file_that_is_none(tmp_path: Path, forks: Forks) -> None:
    path = tmp_path / "alert.json"
    path.write_text('{"alerts": [{"annotations": {}}]}')
    done = forks.run("investigate", "--alert", str(path))
    assert done.code == ExitCode.USAGE
    assert "alerts.0.labels" in done.errors[0]


def test_an_unknown_session(forks: Forks) -> None:
    done = forks.run("ask", "--session", "s-none", "and now?")
    assert done.code == ExitCode.NOT_FOUND
    assert len(done.errors) == 1


def test_fix_without_terminal_and_approval() -> None:
    done = run_script("fix")
    assert done.code == ExitCode.NOT_APPROVED
    assert done.stdout == ""


def test_an_unreadable_runbook(tmp_path: Path, forks: Forks) -> None:
    bad = tmp_path / "bad.md"
    bad.write_bytes(b"\x00\xff\xfe\x00" * 50)
    good = tmp_path / "good.md"
    good.write_text("# Disk full\n\nDelete old log files on the node.\n")
    done = forks.run("index", "add", str(bad), str(good))
    assert done.code == ExitCode.OK
    assert "1 added" in done.stdout
    assert "1 skipped" in done.stdout
    assert "bad.md" in done.stderr


def test_an_index_path_that_is_not_there(tmp_path: Path, forks: Forks) -> None:
    missing = forks.run("index", "add", str(tmp_path / "none"))
    assert missing.code == ExitCode.USAGE
    assert "no such file" in missing.errors[0]
