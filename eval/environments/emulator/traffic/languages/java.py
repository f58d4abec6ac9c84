"""The JVM: Log4j's and Spring's log lines, gRPC, RestTemplate, the MongoDB, MySQL and Kafka clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import (
    Silent,
    identifiers,
    millis,
    worded,
)
from eval.environments.emulator.traffic.languages.grpc import shouted, wire
from eval.environments.emulator.traffic.processes import Process

_LEVELS: Mapping[Level, str] = {"warning": "WARN", "fatal": "ERROR", "panic": "ERROR"}
_GRPC: Mapping[str, str] = {
    "no_such_host": "UNAVAILABLE: Unable to resolve host {service}",
    "refused": "UNAVAILABLE: io exception: Connection refused: {service}/{address}:{port}",
    "no_address": "UNAVAILABLE: NameResolver returned no usable address",
    "timeout": "DEADLINE_EXCEEDED: deadline exceeded after 9.99s. [remote_addr={service}/{address}:{port}]",
    "reset": "UNAVAILABLE: io exception: Connection reset by peer",
    "exhausted": "RESOURCE_EXHAUSTED: max concurrent streams reached",
}
_IO = (
    "org.springframework.web.client.ResourceAccessException: I/O error on request for "
    '"http://{service}:{port}": '
)
_REST: Mapping[str, str] = {
    "no_such_host": _IO + "{service}; nested exception is java.net.UnknownHostException: {service}",
    "refused": _IO
    + "Connection refused (Connection refused); nested exception is "
    + "java.net.ConnectException: Connection refused (Connection refused)",
    "no_address": "java.lang.IllegalStateException: No instances available for {service}",
    "timeout": _IO
    + "Read timed out; nested exception is java.net.SocketTimeoutException: Read timed out",
    "reset": _IO
    + "Connection reset; nested exception is java.net.SocketException: Connection reset",
    "exhausted": _IO
    + "Timeout waiting for connection from pool; nested exception is "
    + "org.apache.http.conn.ConnectionPoolTimeoutException: Timeout waiting for connection from pool",
    "denied": "org.springframework.web.client.HttpClientErrorException$Forbidden: 403 Forbidden",
    "unauthenticated": "org.springframework.web.client.HttpClientErrorException$Unauthorized: 401 Unauthorized",
}
_SERVERS = (
    "com.mongodb.MongoTimeoutException: Timed out after 30000 ms while waiting to connect. Client view of "
    "cluster state is {type=UNKNOWN, servers=[{address={service}:{port}, type=UNKNOWN, state=CONNECTING, "
    "exception={com.mongodb.MongoSocketOpenException: Exception opening socket}, caused by {"
)
_ENGINES: Mapping[str, Mapping[str, str]] = {
    "mongodb": {
        "no_such_host": _SERVERS + "java.net.UnknownHostException: {service}}}]",
        "refused": _SERVERS
        + "java.net.ConnectException: Connection refused (Connection refused)}}]",
        "timeout": "com.mongodb.MongoSocketReadTimeoutException: Timeout while receiving message",
        "reset": "com.mongodb.MongoSocketReadException: Prematurely reached end of stream",
        "exhausted": "com.mongodb.MongoWaitQueueFullException: Too many threads are already waiting for a "
        "connection. Max number of threads (maxWaitQueueSize) of 500 has been exceeded.",
        "denied": "com.mongodb.MongoCommandException: Command failed with error 13 (Unauthorized): "
        "'not authorized on {database} to execute command {detail}' on server {service}:{port}",
        "unauthenticated": "com.mongodb.MongoSecurityException: Exception authenticating MongoCredential"
        "{mechanism=SCRAM-SHA-1}",
    },
    "mysql": {
        "no_such_host": "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure; "
        "nested exception is java.net.UnknownHostException: {service}",
        "refused": "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure; "
        "nested exception is java.net.ConnectException: Connection refused",
        "timeout": "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure; "
        "nested exception is java.net.SocketTimeoutException: Read timed out",
        "exhausted": "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, "
        "request timed out after 30000ms.",
        "too_many": "com.mysql.cj.exceptions.CJException: Too many connections",
        "denied": "java.sql.SQLSyntaxErrorException: SELECT command denied to user for table '{detail}'",
        "unauthenticated": "java.sql.SQLException: Access denied for user '{user}' (using password: YES)",
    },
    "kafka": {
        "no_such_host": "org.apache.kafka.common.KafkaException: Failed to construct kafka consumer; caused by "
        "org.apache.kafka.common.config.ConfigException: No resolvable bootstrap urls given in "
        "bootstrap.servers",
        "refused": "Connection to node -1 ({service}/{address}:{port}) could not be established. "
        "Node may not be available.",
        "timeout": "org.apache.kafka.common.errors.TimeoutException: Timeout of 60000ms expired before the "
        "position for partition could be determined",
        "denied": "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics",
        "unauthenticated": "org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed",
    },
    "rabbitmq": {
        "refused": "org.springframework.amqp.AmqpConnectException: java.net.ConnectException: Connection refused",
        "no_such_host": "org.springframework.amqp.AmqpIOException: java.net.UnknownHostException: {service}",
        "unauthenticated": "org.springframework.amqp.AmqpAuthenticationException: ACCESS_REFUSED - Login was "
        "refused using authentication mechanism PLAIN.",
    },
}


class Java(Silent):
    """Java and Kotlin with Log4j and gRPC."""

    stop_code = 143

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21 10:00:00 - oteldemo.AdService - text trace_id=… span_id=… trace_flags=01`."""
        if not place:
            return text
        trace, span = identifiers(process, at)
        return (
            f"{at:%Y-%m-%d %H:%M:%S} - {place} - {text} "
            f"trace_id={trace} span_id={span} trace_flags=01 "
        )

    def error(self, failure: Failure) -> str:
        """The exception's text."""
        if failure.kind == "answered":
            return shouted(failure.detail)
        return worded(failure, _ENGINES.get(failure.engine, _GRPC))

    def answer(self, failure: Failure) -> str:
        """A gRPC status."""
        return wire(self.error(failure))


class Spring(Silent):
    """Spring Boot with Logback and REST."""

    stop_code = 143

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`10:00:00.123 ERROR t.s.OrderServiceImpl#42 TraceID: … SpanID: … text`."""
        if not place:
            return text
        trace, span = identifiers(process, at)
        name = _LEVELS.get(level, level.upper())
        return (
            f"{at:%H:%M:%S}.{millis(at)} {name:<5} {place} TraceID: {trace} SpanID: {span} {text}"
        )

    def error(self, failure: Failure) -> str:
        """The exception's text."""
        if failure.kind == "answered":
            return (
                "org.springframework.web.client.HttpServerErrorException$InternalServerError: "
                f"{failure.detail}"
            )
        return worded(failure, _ENGINES.get(failure.engine, _REST))

    def answer(self, failure: Failure) -> str:
        """The error page of Spring Boot, in the words of its caller's exception."""
        return '500 : [{"status":500,"error":"Internal Server Error","message":"No message available"}]'
