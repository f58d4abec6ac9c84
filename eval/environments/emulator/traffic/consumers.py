"""Programs that take messages from brokers."""

from __future__ import annotations

from eval.apps.model import App, Call, Consumer, Line
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.flow import Flow
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process, Processes
from eval.environments.emulator.traffic.queues import Queues

_UNPARSABLE = "failed to parse message: unexpected end of input at position 0"


class Consumers:
    """Lets every consumer take what it can in a step."""

    def __init__(
        self,
        app: App,
        processes: Processes,
        network: Network,
        flags: FeatureFlags,
        queues: Queues,
        flow: Flow,
        logbook: Logbook,
    ) -> None:
        self._names = [service.name for service in app.services.values() if service.consumes]
        self._processes = processes
        self._network = network
        self._flags = flags
        self._queues = queues
        self._flow = flow
        self._logbook = logbook

    def tick(self, seconds: float) -> None:
        """Take and work on the messages of a step."""
        for name in self._names:
            for process in self._processes.of_service(name):
                if process.waiting or process.crashed:
                    continue
                for consumer in process.program.consumes:
                    self._consume(process, consumer, seconds)

    def _consume(self, process: Process, consumer: Consumer, seconds: float) -> None:
        key = (consumer.broker, consumer.topic, consumer.group or process.program.name)
        reached = self._network.reach(process, self._call(process, consumer))
        if isinstance(reached, Failure):
            at = self._flow.moments(1)
            self._logbook.client_failed(process, at, reached, consumer.operation)
            self._say(process, consumer, reached, 1)
            return
        group = self._queues.group(key)
        if group.blocked:
            failure = Failure("answered", consumer.broker, 0, detail=_UNPARSABLE)
            self._say(process, consumer, failure, max(1, int(seconds)))
            return
        capacity = consumer.per_second * seconds * self._flags.behaviour(process).consumer_factor
        operation = process.program.operations.get(consumer.operation)
        taken = self._queues.take(key, capacity)
        if not taken or operation is None:
            return
        outcome = self._flow.consume(process, operation, taken)
        for part in outcome.failed:
            self._say(process, consumer, part.failure, len(part.times))

    def _call(self, process: Process, consumer: Consumer) -> Call:
        """How it finds its broker: as its calls do, if it makes any there."""
        need = next((step for step in process.program.start if step.need == consumer.broker), None)
        return self._network.need(process, consumer.broker, need.port if need else 0)

    def _say(self, process: Process, consumer: Consumer, failure: Failure, times: int) -> None:
        line = consumer.failed or Line("{error}")
        text = DIALECTS[process.program.language].error(failure)
        for at in self._flow.moments(times):
            self._logbook.say(process, at, line, consumer.operation, error=text)
