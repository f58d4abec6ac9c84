"""Message brokers: Kafka's and RabbitMQ's own logs."""

from __future__ import annotations

from datetime import datetime, timedelta

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, millis
from eval.environments.emulator.traffic.processes import Process


class Kafka(Silent):
    """A Kafka broker in KRaft mode."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`[2026-11-21 10:00:00,123] INFO text (kafka.server.KafkaRaftServer)`."""
        name = {"warning": "WARN", "panic": "FATAL"}.get(level, level.upper())
        logger = place or "kafka.server.KafkaRaftServer"
        return f"[{at:%Y-%m-%d %H:%M:%S},{millis(at)}] {name} {text} ({logger})"

    def started(self, process: Process) -> list[tuple[float, str]]:
        """What the broker says until it accepts connections."""
        port = process.program.ports[0].port
        said = [
            (0.4, "kafka.log.LogManager", "Loaded 2 logs in 112ms"),
            (1.1, "kafka.network.SocketServer", f"[SocketServer listenerType=BROKER, nodeId=1] Awaiting socket connections on 0.0.0.0:{port}."),
            (1.6, "kafka.server.BrokerServer", "[BrokerServer id=1] Transition from STARTING to STARTED"),
            (1.7, "kafka.server.KafkaRaftServer", "[KafkaRaftServer nodeId=1] Kafka Server started"),
        ]  # fmt: skip
        start = process.started
        return [
            (after, self.line(process, start + timedelta(seconds=after), "info", place, text, ""))
            for after, place, text in said
        ]

    def refused_lines(
        self, process: Process, client: Process, at: datetime, user: str, failure: Failure
    ) -> list[str]:
        """A refused login."""
        if failure.kind != "unauthenticated":
            return []
        text = f"[SocketServer listenerType=BROKER, nodeId=1] Failed authentication with /{client.ip} (Authentication failed)"
        return [
            self.line(process, at, "info", "org.apache.kafka.common.network.Selector", text, "")
        ]


class Rabbitmq(Silent):
    """RabbitMQ."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21 10:00:00.123456+00:00 [info] <0.9.0> text`."""
        stamp = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond:06d}+00:00"
        return f"{stamp} [{level}] <{place or '0.9.0'}> {text}"

    def started(self, process: Process) -> list[tuple[float, str]]:
        """What the broker says until it accepts connections."""
        port = process.program.ports[0].port
        at, ready = process.started, process.started + timedelta(seconds=1.5)
        return [
            (0.3, self.line(process, at, "info", "0.213.0", "Starting RabbitMQ 3.13.1 on Erlang 26.2.3", "")),
            (1.5, self.line(process, ready, "info", "0.625.0", f"started TCP listener on [::]:{port}", "")),
            (1.5, self.line(process, ready, "info", "0.9.0", "Server startup complete; 4 plugins started.", "")),
        ]  # fmt: skip

    def refused_lines(
        self, process: Process, client: Process, at: datetime, user: str, failure: Failure
    ) -> list[str]:
        """A refused login."""
        if failure.kind != "unauthenticated":
            return []
        text = f"PLAIN login refused: user '{user}' - invalid credentials"
        return [self.line(process, at, "error", f"0.{700 + process.next_number()}.0", text, "")]
