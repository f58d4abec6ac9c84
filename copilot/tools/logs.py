"""get_logs: what the programs said, errors first."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from typing import Annotated

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)
from connectors.api.values import Json, LogSelector
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft
from copilot.tools.kube_words import containers, name_of, ready, ref_of, restarts
from copilot.tools.log_store import STORED, older, read_lines
from copilot.tools.log_summary import LogLine, parse, summary
from copilot.tools.names import nearest
from copilot.tools.redact import redact_keys
from copilot.tools.registry import tool
from copilot.tools.targets import Target, resolve
from copilot.tools.wrap import told

_TAIL = 2000
_RAW = 200_000
# What an error says before the API server's own words.
_SERVERS = re.compile(r"^.*?: [45]\d\d(?: not found)?: ")


@tool
async def get_logs(
    context: Context,
    service: Annotated[str, "Name of a Service, workload or pod"],
    namespace: Annotated[str, "Namespace; empty for all of the investigation's"] = "",
    container: Annotated[str, "Only this container"] = "",
    previous: Annotated[bool, "The run before the last restart"] = False,
    grep: Annotated[str, "Only lines that match this regular expression (case is ignored)"] = "",
    since_minutes: Annotated[int, "Only the last N minutes; 0 for the newest 2000 lines"] = 0,
) -> Draft:
    """Logs of a service's pods, reduced to kinds of lines: errors and new ones first, with counts,
    times, an example each, and the lines around the first error.

    Unhealthy pods are read first. For a container that keeps crashing, the run before the last
    restart is read too. Live pods are read from the cluster; a log store, where there is one, adds
    pods that are gone and older lines. Use `grep` to look for one thing.
    """
    pattern = _pattern(grep)
    try:
        with told("find the pods"):
            target = await context.within(resolve(context, service, namespace), "kubernetes", 0.4)
    except NotAvailable as error:
        return await _stored(context, service, namespace, container, since_minutes, pattern, error)
    wanted = [
        (pod, name)
        for pod in sorted(target.pods, key=_suspicion, reverse=True)
        for name in _containers(pod, container, target)
    ]
    since = context.now - timedelta(minutes=since_minutes) if since_minutes > 0 else None
    query = _query(target, wanted, container, previous, since_minutes)
    if not wanted:
        why = _no_pods(target)
        if context.sources.logs is not None:
            gone = NotAvailable(why)
            return await _stored(
                context, service, namespace, container, since_minutes, pattern, gone
            )
        return Draft(Source.LOGS, query, why, objects=target.objects)
    reads = []
    for pod, name in wanted[: context.limits.log_reads]:
        if _crashing(pod, name) and not previous:
            reads.append(_read(context, pod, name, since, True))
        reads.append(_read(context, pod, name, since, previous))
    answers = await asyncio.gather(*reads)
    lines = [line for part, _, _ in answers for line in part]
    caveats = list(dict.fromkeys(text for _, text, _ in answers if text))
    if all(failed for _, _, failed in answers):
        failure = NotAvailable("No log could be read: " + "; ".join(caveats))
        return await _stored(
            context, service, namespace, container, since_minutes, pattern, failure
        )
    unread = wanted[context.limits.log_reads :]
    if unread:
        names = sorted({name_of(pod) for pod, _ in unread})
        caveats.append(f"not read, as too many at once: {', '.join(names[:20])}")
    if not previous:
        start = since or context.scope.window.baseline_start
        more, caveat = await older(context, target.namespace, service, container, start, lines)
        lines += more
        caveats += [caveat] if caveat else []
    kept = [line for line in lines if pattern is None or pattern.search(line.text)]
    return await asyncio.to_thread(
        _draft, context, target, query, lines, kept, grep, tuple(caveats)
    )


async def _stored(
    context: Context,
    service: str,
    namespace: str,
    container: str,
    minutes: int,
    pattern: re.Pattern[str] | None,
    failure: NotAvailable,
) -> Draft:
    """Read the store of log lines, as the cluster does not give them. Raises `failure` without one."""
    store = context.sources.logs
    if store is None:
        raise failure
    space = context.namespace(namespace)
    window = context.scope.window
    start = context.now - timedelta(minutes=minutes) if minutes > 0 else window.baseline_start
    selector = LogSelector(namespace=space, service=service, container=container)
    try:
        page = await store.lines(selector, start, window.end, limit=STORED)
    except ConnectorError as error:
        raise NotAvailable(f"{failure} {store.name} did not help: {error}") from error
    lines = await asyncio.to_thread(read_lines, page.lines, service)
    kept = [line for line in lines if pattern is None or pattern.search(line.text)]
    words = [f"{service}: lines kept in {store.name}: {len(lines)}"]
    if pattern is not None:
        words.append(f"{len(kept)} of {len(lines)} lines match /{pattern.pattern}/")
    words += await asyncio.to_thread(summary, kept, window.start) if kept else []
    caveats = [f"not from the cluster: {failure}", page.caveat]
    if page.truncated:
        caveats.append(f"only the newest {len(lines)} lines were read")
    return Draft(
        Source.LOGS,
        f"{store.name}: namespace={space} service={service}",
        "\n".join(words if lines else [*words, "There are no log lines."]),
        raw="\n".join(f"{line.time} {line.origin} {line.text}" for line in kept)[-_RAW:],
        excerpt=next((text for text in words if "[fatal" in text or "[error" in text), ""),
        caveats=tuple(filter(None, caveats)),
        start=start,
    )


def _draft(
    context: Context,
    target: Target,
    query: str,
    lines: list[LogLine],
    kept: list[LogLine],
    grep: str,
    caveats: tuple[str, ...],
) -> Draft:
    kept.sort(key=lambda line: line.time.timestamp() if line.time else 0.0)
    times = [line.time for line in kept if line.time]
    head = [f"{target.name}: containers read: {len({line.origin for line in lines})}"]
    if grep:
        head.append(f"{len(kept)} of {len(lines)} lines match /{grep}/")
    if kept:
        head += summary(kept, context.scope.window.start)
    elif not lines:
        head, caveats = [*head, "There are no log lines.", *caveats], ()
    raw = "\n".join(
        f"{line.time.isoformat() if line.time else ''} {line.origin} {line.text}" for line in kept
    )
    if len(raw) > _RAW:
        caveats = (*caveats, f"only the newest {_RAW} of {len(raw)} characters are kept")
        raw = raw[-_RAW:]
    excerpt = next((text for text in head if "[fatal" in text or "[error" in text), "")
    return Draft(
        Source.LOGS,
        query,
        "\n".join(head),
        raw=raw,
        excerpt=excerpt,
        objects=target.objects,
        caveats=caveats,
        start=min(times, default=None),
        end=max(times, default=None),
    )


async def _read(
    context: Context, pod: Json, container: str, since: datetime | None, previous: bool
) -> tuple[list[LogLine], str, bool]:
    """Return one container's lines, what is to be said about them, and whether the read failed."""
    name = name_of(pod)
    several = len((pod.get("spec") or {}).get("containers") or []) > 1
    origin = f"{name}/{container}" if several else name
    try:
        text = await context.cluster.logs(
            pod["metadata"]["namespace"],
            name,
            container,
            tail=_TAIL,
            since=since,
            previous=previous,
        )
    except (SourceRejected, SourceMissing) as error:
        if previous:
            return [], f"{origin} has no earlier run", False
        return [], f"{origin} has no log: {_SERVERS.sub('', str(error))}", False
    except (SourceForbidden, SourceUnreachable) as error:
        return [], f"{origin} could not be read: {error}", True
    # Before lines are taken apart: a private key cannot be told by one of its lines.
    text = await asyncio.to_thread(redact_keys, text)
    return parse(f"{origin} (previous run)" if previous else origin, text), "", False


def _pattern(grep: str) -> re.Pattern[str] | None:
    if not grep:
        return None
    try:
        return re.compile(grep, re.IGNORECASE)
    except re.error as error:
        raise CorrectYourCall(f"grep is not a regular expression: {error}.") from None


def _containers(pod: Json, container: str, target: Target) -> list[str]:
    names = [spec["name"] for spec, _, init in containers(pod) if not init]
    waiting = [s["name"] for s, state, init in containers(pod) if init and not _done(state)]
    if not container:
        return [*waiting, *names]
    every = [spec["name"] for spec, _, _ in containers(pod)]
    if container in every:
        return [container]
    raise CorrectYourCall(
        f'{target.name} has no container "{container}"; it has: {", ".join(every)}.',
        nearest(container, every),
    )


def _done(status: Json) -> bool:
    ended = (status.get("state") or {}).get("terminated") or {}
    return ended.get("exitCode") == 0


def _crashing(pod: Json, container: str) -> bool:
    for spec, status, _ in containers(pod):
        if spec["name"] == container:
            return "terminated" in (status.get("lastState") or {}) and not status.get("ready")
    return False


def _suspicion(pod: Json) -> tuple[bool, int]:
    return (not ready(pod), restarts(pod))


def _query(
    target: Target, wanted: list[tuple[Json, str]], container: str, previous: bool, minutes: int
) -> str:
    first = f"pod/{name_of(wanted[0][0])}" if len(wanted) == 1 else ""
    kind = f"{ref_of(target.workload).kind.lower()}/" if target.workload else "pod/"
    name = name_of(target.workload) if target.workload else target.name
    words = ["kubectl -n", target.namespace, "logs", first or f"{kind}{name}"]
    words.append(f"-c {container}" if container else "--all-containers")
    words += ["--previous"] if previous else []
    words.append(f"--since={minutes}m" if minutes > 0 else f"--tail={_TAIL}")
    return " ".join(words)


def _no_pods(target: Target) -> str:
    text = f"{target.name} has no pods, so there is no log."
    if target.workload is not None:
        spec = target.workload.get("spec") or {}
        text += f" {ref_of(target.workload)} asks for {spec.get('replicas', 1)} replicas."
    elif target.service is not None:
        text += " The Service's selector matches no pod, and no workload has that name."
    return text
