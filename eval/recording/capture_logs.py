"""Records logs: of every container from the API server, and what a log store has."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from connectors.api.errors import ConnectorError, SourceRejected
from connectors.api.protocols import ClusterReader, LogSource
from connectors.api.values import Json, LogSelector
from copilot.evidence.kube import dig, name_of, namespace_of, parse_time, statuses
from copilot.model.scope import Window
from copilot.tools.redact import redact, redact_keys
from eval.recording.schema import LogStorePart, PodLogLine, StreamLine

_TAIL = 5000
_WIDTH = 8
_PAGE = 5000
_MOST = 100_000
_PREFIX = re.compile(r"^kubernetes \S+: cannot .*?: 4\d\d:? ?(?:[a-z ]+: )?")


async def capture_pod_logs(cluster: ClusterReader, pods: Sequence[Json]) -> tuple[PodLogLine, ...]:
    """Take the newest lines of each container, and of its run before the last restart."""
    gate = asyncio.Semaphore(_WIDTH)

    async def one(pod: Json, container: str, previous: bool) -> PodLogLine | None:
        async with gate:
            return await _log(cluster, pod, container, previous)

    asked = []
    for pod in pods:
        for status in (*statuses(pod, init=True), *statuses(pod)):
            name = str(status.get("name"))
            asked.append(one(pod, name, False))
            if dig(status, "lastState.terminated") or int(status.get("restartCount", 0)):
                asked.append(one(pod, name, True))
    return tuple(line for line in await asyncio.gather(*asked) if line is not None)


async def _log(
    cluster: ClusterReader, pod: Json, container: str, previous: bool
) -> PodLogLine | None:
    space, name = namespace_of(pod), name_of(pod)
    try:
        text = await cluster.logs(space, name, container, tail=_TAIL, previous=previous)
    except SourceRejected as error:
        # The kubelet's own refusal ("waiting to start") is an answer, and replayed as one.
        said = redact(_PREFIX.sub("", str(error)))
        return PodLogLine(
            namespace=space,
            pod=name,
            container=container,
            previous=previous,
            refused=said,
            lines=[],
        )
    except ConnectorError:
        return None
    lines = []
    for line in redact(text).splitlines():
        stamp, _, words = line.partition(" ")
        at = parse_time(stamp)
        if at is not None:
            lines.append((at, words))
    return PodLogLine(
        namespace=space,
        pod=name,
        container=container,
        previous=previous,
        complete=text.count("\n") < _TAIL,
        lines=lines,
    )


async def capture_log_store(
    store: LogSource, namespaces: Sequence[str], window: Window
) -> tuple[LogStorePart, tuple[StreamLine, ...]]:
    """Take all lines of the namespaces, newest first, to a limit; `start` is what it reached.

    Raises `ConnectorError`.
    """
    reached = window.baseline_start
    found: dict[tuple[tuple[str, str], ...], list[tuple[object, str]]] = defaultdict(list)
    for space in namespaces or ("",):
        end, taken = window.end, 0
        while end > reached:
            page = await store.lines(
                LogSelector(namespace=space), window.baseline_start, end, limit=_PAGE
            )
            for line in page.lines:
                found[tuple(sorted(line.labels.items()))].append((line.time, line.text))
            taken += len(page.lines)
            if not page.truncated or not page.lines:
                break
            oldest = page.lines[0].time
            if taken >= _MOST or oldest >= end:
                reached = max(reached, oldest + timedelta(milliseconds=1))
                break
            end = oldest
    streams = []
    for labels, lines in sorted(found.items()):
        ordered = sorted((at, text) for at, text in set(lines) if at >= reached)  # type: ignore[operator]
        texts = redact_keys("\n".join(text for _, text in ordered)).split("\n")
        kept = [(at, redact(text)) for (at, _), text in zip(ordered, texts, strict=False)]
        streams.append(StreamLine(labels=dict(labels), lines=kept))  # type: ignore[arg-type]
    return LogStorePart(start=reached, end=window.end), tuple(streams)
