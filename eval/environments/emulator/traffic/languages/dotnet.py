""".NET: the console logger's two-line entries, gRPC, StackExchange.Redis, Npgsql and Confluent.Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.languages.grpc import quoted, wire
from eval.environments.emulator.traffic.processes import Process

_LEVELS: Mapping[Level, str] = {
    "debug": "dbug", "info": "info", "warning": "warn", "error": "fail", "fatal": "crit", "panic": "crit",
}  # fmt: skip
_GRPC: Mapping[str, str] = {
    "no_such_host": "UNAVAILABLE: Error starting gRPC call. HttpRequestException: Name or service not known "
    "({service}:{port}) SocketException: Name or service not known",
    "refused": "UNAVAILABLE: Error connecting to subchannel. SocketException: Connection refused",
    "no_address": "UNAVAILABLE: Balancer queue cannot pick a subchannel",
    "timeout": "DEADLINE_EXCEEDED: Deadline Exceeded",
    "reset": "UNAVAILABLE: The HTTP/2 server closed the connection.",
    "exhausted": "RESOURCE_EXHAUSTED: Too many requests",
}
_REDIS = "StackExchange.Redis.RedisConnectionException: It was not possible to connect to the redis server(s). "
_TIMEOUT = (
    "StackExchange.Redis.RedisTimeoutException: Timeout awaiting response (outbound=0KiB, inbound=0KiB, "
    "5000ms elapsed, timeout is 5000ms), next: HGET, mgr: 10 of 10 available"
)
_ENGINES: Mapping[str, Mapping[str, str]] = {
    "redis": {
        "no_such_host": _REDIS
        + "UnableToConnect on {service}:{port}/Interactive: Name or service not known",
        "refused": _REDIS
        + "Error connecting right now. UnableToConnect on {service}:{port}/Interactive, "
        + "Initializing/NotStarted, last: NONE, origin: BeginConnectAsync",
        "timeout": _TIMEOUT,
        "exhausted": _TIMEOUT,
        "reset": "StackExchange.Redis.RedisConnectionException: SocketFailure on {service}:{port}/Interactive",
        "denied": "StackExchange.Redis.RedisServerException: NOPERM {detail}",
        "unauthenticated": _REDIS
        + "There was an authentication failure; check that passwords (or client certificates) are "
        + "configured correctly: (RedisServerException) WRONGPASS invalid username-password pair or user "
        + "is disabled.",
    },
    "postgresql": {
        "no_such_host": "System.Net.Sockets.SocketException (00000005, 0xFFFDFFFF): Name or service not known",
        "refused": "Npgsql.NpgsqlException (0x80004005): Failed to connect to {address}:{port} ---> "
        "System.Net.Sockets.SocketException (111): Connection refused",
        "timeout": "Npgsql.NpgsqlException (0x80004005): Exception while reading from stream ---> "
        "System.TimeoutException: Timeout during reading attempt",
        "exhausted": "Npgsql.NpgsqlException (0x80004005): The connection pool has been exhausted, either raise "
        "'Max Pool Size' (currently 100) or 'Timeout' (currently 15 seconds) in your connection string.",
        "too_many": "Npgsql.PostgresException (0x80004005): 53300: sorry, too many clients already",
        "denied": "Npgsql.PostgresException (0x80004005): 42501: permission denied for table {detail}",
        "unauthenticated": "Npgsql.PostgresException (0x80004005): 28P01: password authentication "
        'failed for user "{user}"',
    },
    "kafka": {
        "no_such_host": "Confluent.Kafka.KafkaException: Local: Host resolution failure",
        "refused": "Confluent.Kafka.ConsumeException: {service}:{port}/bootstrap: Connect to "
        "ipv4#{address}:{port} failed: Connection refused (after 0ms in state CONNECT)",
        "timeout": "Confluent.Kafka.KafkaException: Local: Timed out",
        "denied": "Confluent.Kafka.ConsumeException: Broker: Topic authorization failed",
        "unauthenticated": "Confluent.Kafka.KafkaException: Local: Authentication failure",
    },
}


class DotNet(Silent):
    """.NET services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`info: cart.cartstore.ValkeyCartStore[0]`, and the text on the next line."""
        indented = text.replace("\n", "\n      ")
        return f"{_LEVELS[level]}: {place or process.program.name}[0]\n      {indented}"

    def error(self, failure: Failure) -> str:
        """The exception's text."""
        if failure.engine:
            return worded(failure, _ENGINES.get(failure.engine, {}))
        return f"Grpc.Core.RpcException: {quoted(worded(failure, _GRPC))}"

    def answer(self, failure: Failure) -> str:
        """A gRPC status; a store out of reach is a failed precondition."""
        if failure.engine:
            return wire(f"FAILED_PRECONDITION: Can't access cart storage. {self.error(failure)}")
        return wire(worded(failure, _GRPC))
