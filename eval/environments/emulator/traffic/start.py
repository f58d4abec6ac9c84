"""What an app's programs do when a container starts: the emulated kubelet asks here."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.apps.model import App, Line, Port, Required, Service, Step, Usage
from eval.apps.programs import cron_job_of, images, init_of, program_of, variant_of
from eval.environments.emulator.seams import Run
from eval.environments.emulator.traffic.failures import NO_USER, Failure
from eval.environments.emulator.traffic.flags import read_flags
from eval.environments.emulator.traffic.hosts import Hosts
from eval.environments.emulator.traffic.inits import Inits, plain
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.go import panic_dump
from eval.environments.emulator.traffic.languages.mongod import login_lines
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Pressed, Process, Processes
from eval.environments.emulator.traffic.stores import Accounts
from eval.environments.emulator.traffic.surroundings import AppCluster, declared_ports, limits_of

Lines = list[tuple[float, str]]

_MEGABYTE = 1024 * 1024
_TOOLS = frozenset({"sh", "bash", "sleep", "true", "false", "echo", "test"})
_PATIENT_SECONDS = 1.0
"""From here on a start that waits for something looks for it every second."""
_FIRST_MEMORY = 0.7
"""The share of its memory that a program has when its start is over."""


class Starts:
    """What the containers' programs do when they start."""

    def __init__(
        self, app: App, processes: Processes, network: Network, accounts: Accounts, hosts: Hosts
    ) -> None:
        self._app = app
        self._processes = processes
        self._network = network
        self._accounts = accounts
        self._hosts = hosts
        self._images = images(app)
        self._cluster: AppCluster | None = None
        self.inits = Inits(network, app.namespace)

    def attach(self, cluster: AppCluster) -> None:
        """Say which cluster the programs start in."""
        self._cluster = cluster
        self.inits.attach(cluster)

    def image_exists(self, image: str) -> bool:
        """Whether a registry would serve this image reference."""
        return image in self._images

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        """Say what the program in the container does when started now."""
        ports = declared_ports(container)
        if pod["metadata"].get("namespace") != self._app.namespace:
            return Run(listens=ports)
        name, labels = str(container["name"]), pod["metadata"].get("labels") or {}
        self._processes.refresh()
        self._network.refresh(now)
        inits = pod.get("spec", {}).get("initContainers") or ()
        if any(item["name"] == name and item.get("restartPolicy") != "Always" for item in inits):
            return self.inits.start(pod, container, init_of(self._app, container, labels), now)
        job = cron_job_of(self._app, container)
        if job is not None:
            lines = tuple((0.2 * number, text) for number, text in enumerate(job.lines))
            return Run(exits_after=job.seconds, exit_code=job.exit_code, lines=lines)
        program = program_of(self._app, container, labels)
        if program is None:
            run = self._other_command(container)
            if run is not None:
                return run
            program = self._beside(container, ports)
        root = runs_as_root(pod, container)
        if root:
            return Run(start_error="config", detail=root)
        process = self._process(program, pod, container, now)
        run = self._failing(process, now) or self._begin(process, container, now)
        process.listens = frozenset(run.listens)
        self._processes.add(process)
        return run

    def _other_command(self, container: Json) -> Run | None:
        """What a command does that is no program of the app: a line of shell, or an unknown file."""
        command = [str(part) for part in container.get("command") or ()]
        if not command:
            return None
        if command[0].rsplit("/", 1)[-1] in _TOOLS:
            return plain(" ".join([*command, *map(str, container.get("args") or ())]))
        own = {service.image for service in self._app.services.values() if service.command}
        return Run(start_error="not_found") if container.get("image") in own else None

    def _process(self, program: Service, pod: Json, container: Json, now: datetime) -> Process:
        name = str(container["name"])
        variant = variant_of(self._app, container)
        cores, memory = limits_of(container)
        condition = self._hosts.of(program.name)
        return Process(
            program,
            pod,
            name,
            now,
            now + timedelta(seconds=program.ready_after_seconds),
            env=self._cluster.environment(pod, name) if self._cluster else {},
            dials=variant.dials if variant else {},
            cpu_limit=cores,
            memory_limit=memory,
            clock_seconds=condition.clock_seconds,
        )

    def _beside(self, container: Json, ports: tuple[int, ...]) -> Service:
        """The program of a sidecar, or of software that the app does not know: it only listens."""
        name, image = str(container["name"]), str(container.get("image", ""))
        for service in self._app.services.values():
            for sidecar in service.sidecars:
                if (sidecar.name, sidecar.image) == (name, image):
                    return Service(
                        name, image, ports=tuple(Port(port) for port in ports), usage=sidecar.usage
                    )
        usage = Usage(idle_cores=0.001, memory_mb=8.0)
        return Service(name, image, ports=tuple(Port(port) for port in ports), usage=usage)

    def _failing(self, process: Process, now: datetime) -> Run | None:
        """What keeps a program from starting at all, whatever it is."""
        name = process.program.name
        if self._hosts.failing(name, now):
            return Run(exits_after=0.1, exit_code=137)
        limit = process.memory_limit / _MEGABYTE
        if limit and process.program.usage.memory_mb * _FIRST_MEMORY > limit:
            return Run(exits_after=0.8, exit_code=137, oom=True)
        others = self._processes.of_pod(process.uid)
        taken = {
            port
            for other in others
            if other.container != process.container
            for port in other.listens
        }
        for port in process.program.ports:
            if port.protocol == "TCP" and port.number in taken:
                said = f"listen tcp 0.0.0.0:{port.number}: bind: address already in use"
                dialect = DIALECTS[process.program.language]
                at = process.shown(now + timedelta(seconds=0.2))
                lines = ((0.2, dialect.line(process, at, "fatal", "", said, "")),)
                return Run(exits_after=0.25, exit_code=1, lines=lines)
        return None

    def press(self, now: datetime) -> None:
        """Let the starts that wait for something go on where it has come."""
        waiting, self._processes.pressed = self._processes.pressed, []
        for item in waiting:
            process, step = item.process, item.process.program.start[item.step]
            if now >= item.until or not self._processes.runs(process):
                continue
            if self.need(process, step, now) is not None:
                self._processes.pressed.append(item)
                continue
            assert self._cluster is not None
            begun = now - timedelta(seconds=step.after)
            run = self._steps(process, begun, [], item.step + 1)
            run = replace(
                run,
                ready_after=max(0.0, run.ready_after - step.after),
                exits_after=None if run.exits_after is None else run.exits_after - step.after,
                lines=tuple((after - step.after, text) for after, text in run.lines),
            )
            process.listens = frozenset(run.listens)
            process.serves_from = max(process.serves_from, now + timedelta(seconds=run.ready_after))
            self._cluster.go_on(process.pod, process.container, run)

    def _begin(self, process: Process, container: Json, now: datetime) -> Run:
        program = process.program
        dialect = DIALECTS[program.language]
        variant = variant_of(self._app, container)
        if variant is not None and variant.exits is not None:
            values = self._placeholders(process)
            return self._ended(process, variant.exits, values, variant.exit_code, now)
        missing = self._missing(process)
        if missing is not None:
            name = missing.env or missing.file
            values = {**self._placeholders(process), "name": name}
            return self._ended(process, missing.missing, values, missing.exit_code, now)
        flags = self._app.flags
        if flags is not None and flags.service == program.name:
            process.flags = read_flags(self._flag_file(process, flags.config_map, flags.key))
        return self._steps(process, now, dialect.started(process) if not program.start else [])

    def _steps(self, process: Process, now: datetime, lines: Lines, first: int = 0) -> Run:
        """The steps of a start that began at `now`, from the `first` one on."""
        program, values = process.program, self._placeholders(process)
        dialect = DIALECTS[program.language]
        for number, step in enumerate(program.start[first:], first):
            at = now + timedelta(seconds=step.after)
            if not step.need:
                text, place = _filled(step.text, values), _filled(step.at, values)
                said = dialect.line(process, process.shown(at), step.level, place, text, "")
                lines.append((step.after, said))
                continue
            failure = self.need(process, step, at)
            if failure is None:
                continue
            if step.otherwise == "retry":
                process.waiting, process.retried = step, at
                break
            refused = failure.kind in ("denied", "unauthenticated")
            ended = step.after + (0.05 if refused else step.patience_seconds)
            if not refused and step.patience_seconds >= _PATIENT_SECONDS:
                until = now + timedelta(seconds=ended)
                self._processes.pressed.append(Pressed(process, number, until))
            lines += self._last_words(process, step, failure, now, ended)
            code = 1 if self._answer(step, failure).level == "fatal" else step.exit_code
            return Run(exits_after=ended, exit_code=code, lines=tuple(lines))
        listens = tuple(port.number for port in program.ports)
        return Run(
            ready_after=program.ready_after_seconds,
            listens=listens,
            lines=tuple(lines),
            stop_code=dialect.stop_code,
        )

    def need(self, process: Process, step: Step, at: datetime) -> Failure | None:
        """Try a need of a program's start, log what the store logs; None when it is fulfilled."""
        call = self._network.need(process, step.need, step.port)
        address = self._network.address(process, call)
        found = self._network.dial(process, address, self._app.services[step.need])
        if isinstance(found, Failure):
            return found
        server, port = found[0]
        failure = self._network.refused_login(process, step.need, server, address)
        if failure is None:
            failure = self.refusal(process, step.need, server, port, step.command)
        # the programs connect and log in once; the need without a command is that login alone
        if self._cluster and (failure or step.command):
            login = process.program.logins.get(step.need)
            user = login.user if login else ""
            for line in self._server_lines(server, process, at, user, failure):
                self._cluster.log(server.pod, server.container, line, at)
        return failure

    def refusal(
        self, process: Process, store: str, server: Process, port: int, command: str
    ) -> Failure | None:
        """Return why a store refuses a command on a standing connection, None when it does not."""
        login = process.program.logins.get(store)
        described = server.program.store
        if login is None or described is None:
            return None
        name = server.program.name
        failure = Failure(
            "unauthenticated",
            store,
            port,
            server.ip,
            detail=NO_USER,
            engine=described.engine,
            database=login.database,
            user=login.user,
        )
        if not self._accounts.knows(name, login.user):
            return failure
        if command and not self._accounts.allows(name, login.user, login.database):
            return replace(failure, kind="denied", detail=command)
        return None

    def retry_lines(self, process: Process, step: Step, refused: bool) -> tuple[Line, ...]:
        """What a program logs each time when a need of its start is still not fulfilled."""
        said = step.refused if refused else step.unreachable
        if process.program.language != "cpp" or said.text != "{error}":
            return (Line(said.text, said.at or step.at, said.level),)
        # the C++ services of DeathStarBench retry the creation of their indexes
        return (
            Line("Error in createIndexes: {error}", "utils_mongodb.h:88:CreateIndex"),
            Line("Failed to create mongodb index, try again", step.at),
        )

    def _server_lines(
        self, server: Process, process: Process, at: datetime, user: str, failure: Failure | None
    ) -> list[str]:
        if server.program.language == "mongod":
            return login_lines(server, process, at, user, failure)
        if failure is None:
            return []
        return DIALECTS[server.program.language].refused_lines(server, process, at, user, failure)

    def _missing(self, process: Process) -> Required | None:
        """The first thing that the program cannot do without and that its container lacks."""
        if not process.program.required or self._cluster is None:
            return None
        files = {
            path.rpartition("/")[2]
            for path in self._cluster.mounted(process.pod, process.container)
        }
        for required in process.program.required:
            if required.env and not process.env.get(required.env):
                return required
            if required.file and required.file.rsplit("/", 1)[-1] not in files:
                return required
        return None

    def _flag_file(self, process: Process, config_map: str, key: str) -> str:
        """The flags' file as it is in the pod: of its own mounts, else what an init container copied."""
        assert self._cluster is not None
        for path, text in self._cluster.mounted(process.pod, process.container).items():
            if path.rsplit("/", 1)[-1] == key:
                return text
        for item in self._cluster.objects("ConfigMap", self._app.namespace):
            if item["metadata"]["name"] == config_map:
                return str((item.get("data") or {}).get(key, ""))
        return ""

    def _answer(self, step: Step, failure: Failure) -> Line:
        refused = failure.kind in ("denied", "unauthenticated")
        return step.refused if refused else step.unreachable

    def _ended(
        self, process: Process, line: Line, values: dict[str, str], code: int, now: datetime
    ) -> Run:
        """A start that ends with one line."""
        after = 0.25
        at = process.shown(now + timedelta(seconds=after))
        dialect = DIALECTS[process.program.language]
        text, place = _filled(line.text, values), _filled(line.at, values)
        said = dialect.line(process, at, line.level, place, text, "")
        return Run(exits_after=after + 0.05, exit_code=code, lines=((after, said),))

    def _last_words(
        self, process: Process, step: Step, failure: Failure, now: datetime, ended: float
    ) -> Lines:
        dialect = DIALECTS[process.program.language]
        line = self._answer(step, failure)
        text = line.text.replace("{error}", dialect.error(failure))
        values = self._placeholders(process)
        place = _filled(line.at, values)
        at = process.shown(now + timedelta(seconds=ended))
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
            "port": str(program.ports[0].number) if program.ports else "",
            "pod_ip": process.ip,
            "uuid": str(identity),
        }


def runs_as_root(pod: Json, container: Json) -> str:
    """Why the kubelet must not start a container whose image, as the app's all do, runs as root."""
    of_pod = pod.get("spec", {}).get("securityContext") or {}
    context = {**of_pod, **(container.get("securityContext") or {})}
    if not context.get("runAsNonRoot") or context.get("runAsUser"):
        return ""
    meta = pod["metadata"]
    where = f'(pod: "{meta["name"]}_{meta.get("namespace", "")}({meta.get("uid", "")})", container: {container["name"]})'
    if context.get("runAsUser") == 0:
        return f"container's runAsUser breaks non-root policy {where}"
    return f"container has runAsNonRoot and image will run as root {where}"


def _filled(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text
