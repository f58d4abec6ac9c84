"""The start of a program: what it needs in its container, the stores it waits for, its first lines."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import replace
from pathlib import Path

from eval.apps.model import App, Line, Service, Step
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.kube.program.dialling import CallFailed, Dialler, first_port, refusal
from eval.environments.kube.program.journal import Journal
from eval.environments.kube.program.wire import Message

CHECK = "/.check"
_REFUSED = ("denied", "unauthenticated")
_PAUSE_SECONDS = 0.5


def mounted(program: Service, file: str) -> Path | None:
    """The path of a file in one of the program's mounts, None where there is none."""
    paths = (Path(mount.path, file) for mount in program.mounts)
    return next((path for path in paths if path.is_file()), None)


class Start:
    """Goes through the steps of one program's start."""

    def __init__(self, app: App, program: Service, journal: Journal, dialler: Dialler) -> None:
        self._app = app
        self._program = program
        self._journal = journal
        self._dialler = dialler
        self._values = self._placeholders()

    async def run(self) -> None:
        """Return when the program may serve; end the process when a need is not fulfilled."""
        self._check_container()
        began = time.monotonic()
        steps = self._program.start or ()
        if not steps:
            for _, line in self._journal.dialect.started(self._journal.process):
                self._journal.write(line)
        for step in steps:
            await asyncio.sleep(max(0.0, began + step.after - time.monotonic()))
            if step.need:
                await self._need(step)
            elif step.text:
                self._journal.say(self._filled(Line(step.text, step.at, step.level)))
        await asyncio.sleep(max(0.0, began + self._program.ready_after_seconds - time.monotonic()))

    def _check_container(self) -> None:
        for need in self._program.required:
            there = os.environ.get(need.env) if need.env else mounted(self._program, need.file)
            if not there:
                name = need.env or need.file
                line = replace(need.missing, text=need.missing.text.replace("{name}", name))
                self._journal.die(line, None, need.exit_code)

    async def _need(self, step: Step) -> None:
        end = time.monotonic() + step.patience_seconds
        while True:
            failure = await self._try(step)
            if failure is None:
                return
            if step.otherwise == "retry":
                for line in self._retry_lines(step, refused=failure.kind in _REFUSED):
                    self._journal.say(self._filled(line), error=self._journal.error(failure))
                await asyncio.sleep(1.0)
                continue
            if failure.kind in _REFUSED or time.monotonic() >= end:
                line = step.refused if failure.kind in _REFUSED else step.unreachable
                code = 1 if line.level == "fatal" else step.exit_code
                self._journal.die(self._filled(line), failure, code)
            await asyncio.sleep(_PAUSE_SECONDS)

    def _retry_lines(self, step: Step, *, refused: bool) -> tuple[Line, ...]:
        said = step.refused if refused else step.unreachable
        if self._program.language != "cpp" or said.text != "{error}":
            return (replace(said, at=said.at or step.at),)
        # the C++ services of DeathStarBench retry the creation of their indexes
        return (
            Line("Error in createIndexes: {error}", "utils_mongodb.h:88:CreateIndex"),
            Line("Failed to create mongodb index, try again", step.at),
        )

    async def _try(self, step: Step) -> Failure | None:
        port = step.port or first_port(self._app.services[step.need])
        headers = {"x-client": self._program.name, "x-command": step.command}
        message = Message("POST", CHECK, headers=headers)
        try:
            answer = await self._dialler.request(step.need, step.need, port, message, 2.0)
        except CallFailed as error:
            return error.failure
        if answer.status != 200:
            return refusal(self._app, self._program, step.need, port, answer)
        return None

    def _filled(self, line: Line) -> Line:
        text, place = line.text, line.at
        for key, value in self._values.items():
            text, place = (
                text.replace("{" + key + "}", value),
                place.replace("{" + key + "}", value),
            )
        return replace(line, text=text, at=place)

    def _placeholders(self) -> dict[str, str]:
        program = self._program
        stores = [s.need for s in program.start if s.need and self._app.services[s.need].store]
        return {
            "service": program.name,
            "program": program.command[0] if program.command else program.name,
            "store": stores[0] if stores else "",
            "port": str(first_port(program)),
            "pod_ip": self._journal.process.ip,
            "uuid": str(uuid.uuid4()),
        }
