"""Sampled traces: single requests, drawn from what became of their batch.

A drawn request makes the calls that its batch made, as often, with the outcomes that they had; its
times follow the same distributions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from eval.apps.model import App
from eval.environments.emulator.seams import Span, TraceSink
from eval.environments.emulator.traffic.batches import Attempt, Failed, Made, Served
from eval.environments.emulator.traffic.flow import client_span
from eval.environments.emulator.traffic.processes import Process
from eval.environments.emulator.traffic.span_tags import Tag, client_tags, server_tags

_SPANS_PER_STEP = 60
"""How many spans one step gives about, however many requests it has."""

_MAX_SPANS = 400
_AHEAD = 256


class _Dice:
    """Draws ahead, since one draw costs as much as hundreds at once."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._identities: list[str] = []
        self._normals: list[float] = []

    def identity(self) -> str:
        """Draw a span's id."""
        if not self._identities:
            drawn = self._random.integers(1, 2**63, size=_AHEAD).tolist()
            self._identities = [f"{number:016x}" for number in drawn]
        return self._identities.pop()

    def normal(self) -> float:
        """Draw from the standard normal distribution."""
        if not self._normals:
            self._normals = self._random.standard_normal(_AHEAD).tolist()
        return self._normals.pop()


@dataclass(slots=True)
class _Draft:
    trace: str
    dice: _Dice
    start: datetime
    spans: list[Span | None] = field(default_factory=list)

    def reserve(self) -> int:
        """Keep the place of a span whose end is not known yet."""
        self.spans.append(None)
        return len(self.spans) - 1

    def identity(self) -> str:
        """Draw a span's id."""
        return self.dice.identity()

    def duration(self, mean: float, spread: float = 0.35) -> float:
        """Draw a duration in ms."""
        if mean <= 0:
            return 0.0
        return mean * math.exp(spread * (self.dice.normal() - spread / 2))


class Tracer:
    """Draws requests of each batch and hands their spans to a sink."""

    def __init__(self, app: App, sink: TraceSink, random: np.random.Generator) -> None:
        self._app = app
        self._sink = sink
        self._random = random
        self._dice = _Dice(random)
        self._share = 0.0
        self._usual_spans = 10.0
        self._processes: dict[tuple[str, str], Mapping[str, str]] = {}

    def begin(self, expected: float) -> None:
        """Start a step with about so many requests."""
        affordable = _SPANS_PER_STEP / self._usual_spans / max(expected, 1e-9)
        self._share = min(1.0, self._app.sampling, affordable)

    def sample(self, made: Made, start: datetime, seconds: float) -> None:
        """Trace some of the users' requests of a batch."""
        count = int(self._random.binomial(made.made, self._share))
        if not count:
            return
        for offset in np.sort(self._random.random(count)) * seconds:
            trace = self._dice.identity() + self._dice.identity()
            draft = _Draft(trace, self._dice, start + timedelta(seconds=float(offset)))
            attempt = made.attempts[-1]
            part = self._failed(attempt, attempt.outcome.ok)
            served = self._served(attempt, part)
            if served is None:
                continue  # nothing of the app saw the request
            self._server(draft, served, part.origin if part else None, 0.0, "")
            spans = [span for span in draft.spans if span is not None]
            if spans:
                self._usual_spans += 0.1 * (len(spans) - self._usual_spans)
                self._sink.record(spans)

    def _server(
        self, draft: _Draft, served: Served, part: Failed | None, at: float, parent: str
    ) -> float:
        """Draw one request at a process from `at` ms on; return when it ends."""
        operation = served.operation
        place, identity = -1, parent
        if operation.traced and len(draft.spans) < _MAX_SPANS:
            place, identity = draft.reserve(), draft.identity()
        own = draft.duration(served.own_ms, operation.spread) + draft.duration(served.wait_ms, 0.8)
        now = at + own * 0.6
        for group in served.groups:
            end, failing = now, False
            for made in group:
                if part is not None and part.made is made:
                    end = max(end, self._call(draft, served, made, part.origin, now, identity))
                    failing = True
                elif made.made >= made.asked or self._random.random() < made.made / made.asked:
                    other = None
                    if made.call.optional:
                        other = self._failed(made.attempts[-1], made.attempts[-1].outcome.ok)
                    end = max(end, self._call(draft, served, made, other, now, identity))
            now = end
            if failing:
                break
        end = now + own * 0.4
        if place >= 0:
            tags = server_tags(served.process.program, operation, part.failure if part else None)
            name = operation.span_name
            self._put(draft, place, served.process, (identity, parent, name), at, end, tags)
        return end

    def _call(
        self,
        draft: _Draft,
        served: Served,
        made: Made,
        part: Failed | None,
        at: float,
        parent: str,
    ) -> float:
        """Draw one call, with its retries; return when it ends."""
        last = len(made.attempts) - 1
        if part is None:
            last = self._pick([attempt.outcome.ok for attempt in made.attempts]) if last else 0
        for number, attempt in enumerate(made.attempts[: last + 1]):
            failed = part if number == last else self._failed(attempt, 0)
            if number == last and part is not None:
                failed = self._matching(attempt, part)
            at = self._try(draft, served, made, attempt, failed, at, parent)
            if number < last:
                at += made.call.backoff_ms * 2**number
            if len(draft.spans) >= _MAX_SPANS:
                break
        return at

    def _try(
        self,
        draft: _Draft,
        served: Served,
        made: Made,
        attempt: Attempt,
        part: Failed | None,
        at: float,
        parent: str,
    ) -> float:
        if len(draft.spans) >= _MAX_SPANS:
            return at
        call, program = made.call, served.process.program
        place, identity = draft.reserve(), draft.identity()
        callee = self._served(attempt, part)
        half = draft.duration(attempt.network_ms, 0.2) / 2
        end = at + (part.ms if part is not None else 2 * half)
        if callee is not None:
            timed_out = part is not None and part.failure.kind == "timeout"
            origin = part.origin if part else None
            answered = self._server(draft, callee, origin, at + half, identity) + half
            end = at + part.ms if part is not None and timed_out else answered
        target = self._app.services[call.to]
        known = target.operations.get(call.operation)
        name = call.span or client_span(known.span_name if known else call.operation)
        tags = client_tags(program, target, call, part.failure if part else None)
        self._put(draft, place, served.process, (identity, parent, name), at, end, tags)
        return end

    def _put(
        self,
        draft: _Draft,
        place: int,
        process: Process,
        names: tuple[str, str, str],
        at: float,
        end: float,
        tags: Mapping[str, Tag],
    ) -> None:
        identity, parent, name = names
        start = process.shown(draft.start + timedelta(milliseconds=at))
        draft.spans[place] = Span(
            draft.trace,
            identity,
            parent,
            process.program.name,
            name,
            start,
            round(max(0.001, end - at), 3),
            tags,
            self._process(process),
        )

    def _process(self, process: Process) -> Mapping[str, str]:
        key = process.uid, process.ip
        found = self._processes.get(key)
        if found is None:
            meta = process.pod["metadata"]
            found = self._processes[key] = {
                "hostname": meta["name"],
                "ip": process.ip,
                "k8s.pod.name": meta["name"],
                "k8s.namespace.name": meta.get("namespace", ""),
                "k8s.node.name": process.node,
            }
        return found

    def _failed(self, attempt: Attempt, ok: int) -> Failed | None:
        """Draw how one request of an attempt failed; None: it was one of `ok` that did not."""
        parts = [part for part in attempt.outcome.failed if part.times]
        total = ok + sum(len(part.times) for part in parts)
        if not total or not parts:
            return None
        drawn = int(self._random.integers(total))
        for part in parts:
            drawn -= len(part.times)
            if drawn < 0:
                return part
        return None

    def _matching(self, attempt: Attempt, part: Failed) -> Failed:
        """The attempt's own view of a failure, which a retry reports with the time of all tries."""
        for own in attempt.outcome.failed:
            if own.failure == part.failure:
                return own
        return part

    def _served(self, attempt: Attempt, part: Failed | None) -> Served | None:
        """Who served one request of an attempt, None when nobody did."""
        if part is not None:
            return part.served
        if not attempt.served:
            return None
        if len(attempt.served) == 1:
            return attempt.served[0][0]
        return attempt.served[self._pick([count for _, count in attempt.served])][0]

    def _pick(self, weights: list[int]) -> int:
        """Draw an index, each as often as its weight; the last one when there is no weight."""
        drawn = float(self._random.random()) * sum(weights)
        for index, weight in enumerate(weights):
            drawn -= weight
            if drawn < 0:
                return index
        return len(weights) - 1
