"""The real command in a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

COMMAND = Path(sys.executable).parent / "incident-copilot"
SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"

_FOREIGN = ("INCIDENT_COPILOT_", "OPENAI_", "SLACK_", "XDG_", "KUBECONFIG")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one run of the command printed and returned."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout, checked against the published schema."""
        try:
            parsed = json.loads(self.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"stdout is not one JSON document: {error}\n{self}") from error
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        wrong = [f"{error.json_path}: {error.message}" for error in checker.iter_errors(parsed)]
        assert not wrong, f"not as docs/report.schema.json says: {wrong}"
        assert isinstance(parsed, dict)
        return parsed

    @property
    def errors(self) -> list[str]:
        """The error lines on stderr; a traceback is never one of them."""
        assert "Traceback" not in self.stderr, self.stderr
        return [line for line in self.stderr.splitlines() if line.startswith("error:")]

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.stdout[-6000:]}\n--- stderr\n{self.stderr[-6000:]}"


@dataclass(frozen=True, slots=True)
class Copilot:
    """The command as one person uses it: one home, one kubeconfig."""

    home: Path
    kubeconfig: Path

    def run(self, *arguments: str, timeout: float = 240) -> Answer:
        """Run the command to its end, without a terminal."""
        done = subprocess.run(
            [COMMAND, *arguments],
            capture_output=True,
            text=True,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def on_cluster(self, *arguments: str) -> Answer:
        """Run a command that needs the cluster."""
        return self.run(*arguments, "--kubeconfig", str(self.kubeconfig))

    def investigate(self, namespace: str, *more: str) -> Answer:
        """Investigate a namespace with the evidence engine alone."""
        return self.on_cluster(
            "investigate", "-n", namespace, "--format", "json", "--no-model", *more
        )

    def environment(self) -> dict[str, str]:
        """Return the command's environment: nothing of the caller's, everything in its home."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        folders = ("CONFIG", "DATA", "STATE", "CACHE")
        return {
            **kept,
            "HOME": str(self.home),
            **{f"XDG_{name}_HOME": str(self.home / name.lower()) for name in folders},
            "INCIDENT_COPILOT_STATE__FOLDER": str(self.home / "copilot"),
            "INCIDENT_COPILOT_LOOPBACK_ONLY": "1",
        }


def said(report: dict[str, Any]) -> str:
    """Return what a report says in a few lines, for a failed test's message."""
    lines = [f"{report['verdict']}: {report['summary']}"]
    for cause in report["root_causes"]:
        where = f"{cause['object']['kind']}/{cause['object']['name']}"
        lines.append(f"  {cause['confidence']:.2f} {where} {cause['cause']}: {cause['summary']}")
    for finding in report["findings"]:
        where = f"{finding['object']['kind']}/{finding['object']['name']}"
        lines.append(f"  ! {finding['severity']} {where} {finding['code']}: {finding['summary']}")
    return "\n".join(lines)
