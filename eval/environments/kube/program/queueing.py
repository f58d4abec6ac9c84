"""Consumers: they take messages from a broker and work on them."""

from __future__ import annotations

import asyncio
import json

from eval.apps.model import Consumer, Line, Service
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.kube.program.dialling import CallFailed, Dialler, first_port
from eval.environments.kube.program.flags import Flags
from eval.environments.kube.program.journal import Journal
from eval.environments.kube.program.serving import TAKE, Server
from eval.environments.kube.program.wire import Message

_STEP_SECONDS = 1.0
_UNPARSABLE = "failed to parse message: unexpected end of input at position 0"


async def consume(
    program: Service, consumer: Consumer, broker: Service, dialler: Dialler, server: Server,
    flags: Flags, journal: Journal,
) -> None:  # fmt: skip
    """Take messages of one topic and work on them, for ever."""
    need = next((step for step in program.start if step.need == broker.name), None)
    port = need.port if need and need.port else first_port(broker)
    operation = program.operations.get(consumer.operation)
    while True:
        await asyncio.sleep(_STEP_SECONDS)
        capacity = consumer.per_second * _STEP_SECONDS
        for effect in flags.active(program.effects, ""):
            capacity *= effect.consumer_factor
        group = consumer.group or program.name
        wanted = {"topic": consumer.topic, "group": group, "capacity": capacity}
        request = Message("POST", TAKE, body=json.dumps(wanted).encode())
        try:
            answer = await dialler.request(broker.name, broker.name, port, request, 5.0)
        except CallFailed as error:
            journal.client_failed(error.failure, consumer.operation)
            _say(journal, consumer, error.failure)
            continue
        found = json.loads(answer.body or b"{}")
        if found.get("blocked"):
            _say(journal, consumer, Failure("answered", broker.name, 0, detail=_UNPARSABLE))
        for _ in range(found.get("taken", 0) if operation else 0):
            assert operation is not None
            failure = await server.operate(operation, "")
            if failure is not None:
                _say(journal, consumer, failure)


def _say(journal: Journal, consumer: Consumer, failure: Failure) -> None:
    journal.say(
        consumer.failed or Line("{error}"), consumer.operation, error=journal.error(failure)
    )
