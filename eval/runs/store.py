"""`results.jsonl`: one line a problem, written as soon as it is known, read again to resume."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from copilot.model.errors import UsageError
from eval.runs.one import Job, Outcome, key

RESULTS = "results.jsonl"
Row = dict[str, Any]


class Store:
    """A folder of results. Lines of a run that was killed half way through a line are dropped."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises `UsageError` when that cannot be done."""
        self._folder = folder
        try:
            (folder / "sessions").mkdir(parents=True, exist_ok=True)
            self._known = {key_of(row): row for row in _lines(folder / RESULTS)}
            self._write_all()
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}", hint="give another --out") from error

    def row(self, job: Job) -> Row | None:
        """What is known of a job from an earlier run."""
        return self._known.get(job.key)

    def add(self, outcome: Outcome) -> None:
        """Keep a line and its session."""
        self._known[key_of(outcome.row)] = outcome.row
        with (self._folder / RESULTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(outcome.row) + "\n")
        path = self._folder / "sessions" / f"{file_name(outcome.row)}.json"
        path.write_text(json.dumps(outcome.session, indent=1), encoding="utf-8")

    def finish(self, order: list[Job]) -> list[Row]:
        """Put the lines into the order of the jobs, whatever ended first, and return those."""
        wanted = [self._known[job.key] for job in order if job.key in self._known]
        keys = {key_of(row) for row in wanted}
        rest = [row for key, row in self._known.items() if key not in keys]
        self._known = {key_of(row): row for row in [*rest, *wanted]}
        self._write_all()
        return wanted

    def _write_all(self) -> None:
        text = "".join(json.dumps(row) + "\n" for row in self._known.values())
        temporary = self._folder / f".{RESULTS}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self._folder / RESULTS)


def read_rows(path: Path) -> list[Row]:
    """Read the results of a folder or file. Raises `UsageError`."""
    file = path / RESULTS if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{file}: no results", hint="see: incident-copilot eval run --out DIR")
    rows = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            key_of(row)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{file}:{number}: not a line of results") from error
        rows.append(row)
    return rows


def read_sessions(folder: Path, rows: list[Row]) -> dict[str, Any]:
    """Return the sessions that are stored beside some results, by the results' key."""
    found = {}
    for row in rows:
        path = folder / "sessions" / f"{file_name(row)}.json"
        if path.is_file():
            found[key_of(row)] = json.loads(path.read_text("utf-8"))
    return found


def key_of(row: Row) -> str:
    """What names a line: the agent, the problem, the seed, the repeat and the environment."""
    environment = row.get("environment", "emulator")
    return key(row["agent"], row["id"], row["seed"], row["repeat"], environment)


def file_name(row: Row) -> str:
    """The same, as a file's name."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", key_of(row))


def _lines(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text("utf-8").splitlines():
        try:
            row = json.loads(line)
            key_of(row)
        except (ValueError, KeyError, TypeError):
            continue
        rows.append(row)
    return rows
