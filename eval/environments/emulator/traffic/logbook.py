"""Collects the log lines of a tick and hands them to the cluster in the order of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import itemgetter

from eval.apps.model import Line
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.processes import Process, Processes


class Logbook:
    """Writes what programs log. Times are instants of virtual time."""

    def __init__(self) -> None:
        self._lines: list[tuple[datetime, Process, str]] = []

    def write(self, process: Process, at: datetime, text: str) -> None:
        """Log a line as it is."""
        self._lines.append((max(at, process.serves_from), process, text))

    def say(
        self, process: Process, at: datetime, line: Line, operation: str, **values: str
    ) -> None:
        """Log a line of the app's description, with its placeholders filled in."""
        text = line.text
        for key, value in values.items():
            text = text.replace("{" + key + "}", value)
        dialect = DIALECTS[process.program.language]
        at = max(at, process.serves_from)
        shown = process.shown(at)
        said = dialect.line(process, shown, line.level, line.at, text, operation)
        self._lines.append((at, process, said))

    def client_failed(
        self, process: Process, times: list[datetime], failure: Failure, operation: str
    ) -> None:
        """Log what the client library logs by itself, once per time."""
        dialect = DIALECTS[process.program.language]
        for at in times:
            for text in dialect.client_lines(process, process.shown(at), failure, operation):
                self.write(process, at, text)

    def flush(self, cluster: ClusterState, until: datetime, processes: Processes) -> None:
        """Hand over what was written until an instant; later lines wait for their time."""
        lines = self._lines
        if not lines:
            return
        lines.sort(key=itemgetter(0))
        later: list[tuple[datetime, Process, str]] = []
        # the cluster's log is in the order of arrival: a kubelet writes what it reads, when it reads it
        for at, process, text in lines:
            if at > until and not process.crashed:
                later.append((at, process, text))
            elif processes.runs(process):
                for part in text.split("\n"):
                    cluster.log(process.pod, process.container, part, min(at, until))
        self._lines = later


def shifted(times: list[datetime], milliseconds: float) -> list[datetime]:
    """Return the times a little later: a caller notices after its callee."""
    delay = timedelta(milliseconds=milliseconds)
    return [at + delay for at in times]
