"""What an app's programs do when a container starts: the emulated kubelet asks here."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.apps.model import App, Line, Service, Step
from eval.apps.programs import images, program_of
from eval.environments.emulator.seams import ClusterState, Run
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.go import panic_dump
from eval.environments.emulator.traffic.languages.mongod import login_lines
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process, Processes
from eval.environments.emulator.traffic.stores import Accounts

Lines = list[tuple[float, str]]


class AppPrograms:
    """The software in the images of one app (`eval.environments.emulator.seams.Programs`)."""

    def __init__(
        self, app: App, processes: Processes, network: Network, accounts: Accounts
    ) -> None:
        self._app = app
        self._processes = processes
        self._network = network
        self._accounts = accounts
        self._images = images(app)
        self._cluster: ClusterState | None = None

    def attach(self, cluster: ClusterState) -> None:
        """Say which cluster the programs start in."""
        self._cluster = cluster

    def image_exists(self, image: str) -> bool:
        """Whether a registry would serve this image reference."""
        return image in self._images

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        """Say what the program in the container does when started now."""
        program = program_of(self._app, container)
        if program is None or pod["metadata"].get("namespace") != self._app.namespace:
            ports = [p["containerPort"] for p in container.get("ports") or ()]
            return Run(listens=tuple(ports))
        ready = now + timedelta(seconds=program.ready_after_seconds)
        process = Process(program, pod, str(container["name"]), now, ready)
        self._processes.refresh()
        self._network.refresh(now)
        run = self._run(process, now)
        self._processes.add(process)
        return run

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        """The HTTP status that a probe gets: 404 where the program has no such page."""
        for process in self._processes.of_pod(pod["metadata"]["uid"]):
            if process.container == container["name"]:
                return 503 if process.waiting else 200
        return 200

    def _run(self, process: Process, now: datetime) -> Run:
        program = process.program
        dialect = DIALECTS[program.language]
        lines: Lines = dialect.started(process) if not program.start else []
        values = self._placeholders(process)
        for step in program.start:
            at = now + timedelta(seconds=step.after)
            if not step.need:
                text = _filled(step.text, values)
                place = _filled(step.at, values)
                lines.append((step.after, dialect.line(process, at, step.level, place, text, "")))
                continue
            failure = self.need(process, step, at)
            if failure is None:
                continue
            if step.otherwise == "retry":
                process.waiting, process.retried = step, at
                break
            patience = (
                0.05 if failure.kind in ("denied", "unauthenticated") else step.patience_seconds
            )
            ended = step.after + patience
            lines += self._last_words(process, step, failure, now, ended)
            code = 1 if self._answer(step, failure).level == "fatal" else step.exit_code
            return Run(exits_after=ended, exit_code=code, lines=tuple(lines))
        listens = tuple(port.port for port in program.ports)
        return Run(ready_after=program.ready_after_seconds, listens=listens, lines=tuple(lines))

    def need(self, process: Process, step: Step, at: datetime) -> Failure | None:
        """Try a need of a program's start, log what the store logs; None when it is fulfilled."""
        found = self._network.dial(step.need, step.port)
        if isinstance(found, Failure):
            return found
        failure = self.refusal(process, step.need, step.command)
        server = found[0][0]
        # the programs connect and log in once; the need without a command is that login alone
        if server.program.language == "mongod" and self._cluster and (failure or step.command):
            login = process.program.logins.get(step.need)
            user = login.user if login else ""
            for line in login_lines(server, process, at, user, failure):
                self._cluster.log(server.pod, server.container, line, at)
        return failure

    def refusal(self, process: Process, store: str, command: str) -> Failure | None:
        """Return why a store would refuse a command of a program, None when it would not."""
        login = process.program.logins.get(store)
        if login is None:
            return None
        target = self._app.services[store]
        engine = target.store.engine if target.store else ""
        port = target.ports[0].port
        if not self._accounts.knows(store, login.user):
            return Failure("unauthenticated", store, port, engine=engine, database=login.database)
        if command and not self._accounts.allows(store, login.user, login.database):
            return Failure(
                "denied", store, port, detail=command, engine=engine, database=login.database
            )
        return None

    def _answer(self, step: Step, failure: Failure) -> Line:
        refused = failure.kind in ("denied", "unauthenticated")
        return step.refused if refused else step.unreachable

    def _last_words(
        self, process: Process, step: Step, failure: Failure, now: datetime, ended: float
    ) -> Lines:
        dialect = DIALECTS[process.program.language]
        line = self._answer(step, failure)
        text = line.text.replace("{error}", dialect.error(failure))
        values = self._placeholders(process)
        place = _filled(line.at, values)
        at = now + timedelta(seconds=ended)
        words = [(ended, dialect.line(process, at, line.level, place, text, ""))]
        if line.level == "panic" and process.program.language == "go":
            words += [(ended, dump) for dump in panic_dump(process, text, place)]
        return words

    def _placeholders(self, process: Process) -> dict[str, str]:
        program: Service = process.program
        stores = [s.need for s in program.start if s.need and self._app.services[s.need].store]
        identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{process.uid} {process.started}")
        return {
            "service": program.name,
            "program": program.command[0] if program.command else program.name,
            "store": stores[0] if stores else "",
            "port": str(program.ports[0].port) if program.ports else "",
            "pod_ip": process.ip,
            "uuid": str(identity),
        }


def _filled(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text
