"""What programs do without being asked: try again, keep house, chat."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from eval.apps.model import Chatter, Line
from eval.environments.emulator.traffic.inits import Inits
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.mongod import entry
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.processes import Process, Processes
from eval.environments.emulator.traffic.programs import AppPrograms


class Routine:
    """The programs' own business, step by step."""

    def __init__(
        self,
        processes: Processes,
        programs: AppPrograms,
        inits: Inits,
        logbook: Logbook,
        random: np.random.Generator,
    ) -> None:
        self._processes = processes
        self._programs = programs
        self._inits = inits
        self._logbook = logbook
        self._random = random
        self._generation = -1
        self._chatty: list[tuple[Process, Chatter]] = []
        self._per_minute = np.zeros(0)

    def before(self, start: datetime, end: datetime) -> None:
        """Let those who wait for something try again, before requests come."""
        self._inits.tick(end)
        for process in self._processes:
            if process.waiting:
                self._keep_trying(process, end)

    def press(self, now: datetime) -> None:
        """Let starts go on that wait, with little patience, for something that has come."""
        self._programs.press(now)

    def after(self, start: datetime, end: datetime) -> None:
        """Let programs log what they log anyway."""
        seconds = (end - start).total_seconds()
        if self._processes.generation != self._generation:
            self._generation = self._processes.generation
            self._chatty = [(p, chatter) for p in self._processes for chatter in p.program.chatter]
            self._per_minute = np.array([chatter.per_minute for _, chatter in self._chatty])
        counts = self._random.poisson(self._per_minute * (seconds / 60))
        for index in np.flatnonzero(counts).tolist():
            process, chatter = self._chatty[index]
            for offset in (self._random.random(int(counts[index])) * seconds).tolist():
                at = start + timedelta(seconds=offset)
                if at >= process.serves_from:
                    self._logbook.say(process, at, chatter.line, "")
        if start.minute != end.minute:
            self._checkpoints(end)

    def _keep_trying(self, process: Process, now: datetime) -> None:
        """Programs whose start retries a need try it every second."""
        while process.waiting and process.retried and process.retried < now:
            at = process.retried = process.retried + timedelta(seconds=1)
            step = process.waiting
            failure = self._programs.need(process, step, at)
            if failure is None:
                process.waiting = None
                process.serves_from = max(process.serves_from, at)
                self._log_rest(process)
                return
            text = DIALECTS[process.program.language].error(failure)
            refused = failure.kind in ("denied", "unauthenticated")
            for line in self._programs.retry_lines(process, step, refused):
                self._logbook.say(process, at, line, "", error=text)

    def _log_rest(self, process: Process) -> None:
        values = {"service": process.program.name}
        if process.program.command:
            values["program"] = process.program.command[0]
        for step in process.program.start:
            if step.text:
                text, place = step.text, step.at
                for key, value in values.items():
                    mark = "{" + key + "}"
                    text, place = text.replace(mark, value), place.replace(mark, value)
                line = Line(text, place, step.level)
                self._logbook.say(process, process.serves_from, line, "")

    def _checkpoints(self, end: datetime) -> None:
        """mongod notes a checkpoint every minute."""
        stamp = int(end.timestamp())
        text = f"[{stamp}:0][1:0x7f5e], WT_SESSION.checkpoint: [WT_VERB_CHECKPOINT_PROGRESS] saving checkpoint snapshot min: {stamp % 9000}, snapshot max: {stamp % 9000} snapshot count: 0"
        for process in self._processes:
            program = process.program
            if program.language == "mongod" and self._processes.accepts(
                process, program.ports[0].number
            ):
                said = {"message": text}
                line = entry(
                    process.shown(end),
                    "STORAGE",
                    22430,
                    "WTCheckpointThread",
                    "WiredTiger message",
                    said,
                )
                self._logbook.write(process, end, line)
