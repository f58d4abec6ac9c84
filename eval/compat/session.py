"""The reference's session: a history, a solution, results, and a file in its layout."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from copilot.model.clock import SystemClock

BASE_DIR = Path.cwd()
RESULTS_DIR = Path(os.environ.get("AIOPSLAB_RESULTS_DIR", BASE_DIR / "data" / "results"))


@dataclass
class SessionItem:
    """One thing that was said: `role` is "assistant" or "env"."""

    role: str
    content: Any

    @property
    def data(self) -> dict[str, str]:
        """As JSON data; a status is its value."""
        content = self.content.value if isinstance(self.content, Enum) else self.content
        return {"role": self.role, "content": str(content)}


def _real() -> float:
    return SystemClock().now().timestamp()


class Session:
    """What one agent did about one problem. Times are seconds since the epoch, of `now`."""

    def __init__(
        self, results_dir: str | Path | None = None, now: Callable[[], float] = _real
    ) -> None:
        self.session_id = uuid.uuid4()
        self.pid: str | None = None
        self.problem: Any = None
        self.canary = ""
        self.solution: Any = None
        self.results: dict[str, Any] = {}
        self.history: list[SessionItem] = []
        self.start_time: float | None = None
        self.end_time: float | None = None
        self.agent_name: str | None = None
        self.results_dir = Path(results_dir) if results_dir else RESULTS_DIR
        self._now = now

    def set_problem(self, problem: Any, pid: str | None = None) -> None:
        """Say what it is about."""
        self.problem, self.pid = problem, pid

    def set_solution(self, solution: Any) -> None:
        """Keep what was submitted."""
        self.solution = solution

    def set_results(self, results: dict[str, Any]) -> None:
        """Keep how it was graded."""
        self.results = results

    def set_agent(self, agent_name: str) -> None:
        """Say who plays."""
        self.agent_name = agent_name

    def add(self, item: SessionItem | Mapping[str, Any] | list[Any] | None) -> None:
        """Append an item, several, or a dictionary with `role` and `content`."""
        if not item:
            return
        for one in item if isinstance(item, list) else [item]:
            if isinstance(one, SessionItem):
                self.history.append(one)
            elif isinstance(one, Mapping):
                self.history.append(SessionItem(str(one["role"]), one["content"]))
            else:
                raise TypeError("a session holds SessionItems and dictionaries")

    def clear(self) -> None:
        """Forget the history."""
        self.history = []

    def start(self) -> None:
        """Note the beginning."""
        self.start_time = self._now()

    def end(self) -> None:
        """Note the end."""
        self.end_time = self._now()

    def get_duration(self) -> float:
        """Return the seconds between beginning and end; 0 before it has ended."""
        if self.start_time is None or self.end_time is None:
            return 0.0
        return self.end_time - self.start_time

    def to_dict(self) -> dict[str, Any]:
        """Return the session in the reference's layout."""
        return {
            "agent": self.agent_name,
            "session_id": str(self.session_id),
            "problem_id": self.pid,
            "start_time": self.start_time,
            "end_time": self.end_time,
            "trace": [item.data for item in self.history],
            "results": self.results,
        }

    def to_json(self) -> None:
        """Write `<session_id>_<start_time>.json` into the folder of results."""
        self.results_dir.mkdir(parents=True, exist_ok=True)
        path = self.results_dir / f"{self.session_id}_{self.start_time}.json"
        path.write_text(json.dumps(self.to_dict(), indent=4), encoding="utf-8")

    def from_json(self, filename: str | Path) -> None:
        """Read a session from a file of the folder of results."""
        data = json.loads((self.results_dir / filename).read_text("utf-8"))
        self.session_id = uuid.UUID(data["session_id"])
        self.agent_name, self.pid = data.get("agent"), data.get("problem_id")
        self.start_time, self.end_time = data["start_time"], data["end_time"]
        self.results = data["results"]
        self.history = [SessionItem(item["role"], item["content"]) for item in data["trace"]]
