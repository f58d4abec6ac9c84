"""Logs reduced to issues: which condition, about which dependency, how often, from when to when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from connectors.api.values import Json
from copilot.evidence.addresses import Address, addresses
from copilot.evidence.kube import dig, parse_time, statuses
from copilot.evidence.loglines import ContainerLog, LogLine
from copilot.evidence.signatures import blamed, classify, is_error, listening_port
from copilot.evidence.snapshot import Snapshot
from copilot.model.scope import ObjectRef

_RECENT = 20
_BURSTS, _BETWEEN = 300, 60.0
_CLEAN = timedelta(seconds=60)
_EPHEMERAL = 32768
_ANNOUNCED = 4
_LATELY, _SHORTEST = 60.0, 20.0
_MANY, _TIMES = 10, 5.0


@dataclass(frozen=True, slots=True)
class LogIssue:
    """One condition in one container's log.

    `kind` is a signature ("refused") or "error" for lines that the program marks as errors.
    `clean_before` says that the log was free of it for a while before `first`; `ongoing` that it
    was still being written in the last minutes, or ended the run of a container that is down;
    `grew` that it is written several times as often as it was before the window.
    """

    workload: ObjectRef
    pod: Json
    log: ContainerLog
    kind: str
    blames: Address | None
    count: int
    first: datetime | None
    last: datetime | None
    lines: tuple[str, ...]
    clean_before: bool
    ongoing: bool
    final: bool
    grew: bool = False


def scan(snapshot: Snapshot) -> list[LogIssue]:
    """Return the issues of all logs that were read."""
    found = []
    pods = {(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in snapshot.of("Pod")}
    for log in snapshot.logs:
        pod = pods.get((log.namespace, log.pod))
        if pod is not None:
            found.extend(_scan_one(snapshot, pod, log))
    return found


def _scan_one(snapshot: Snapshot, pod: Json, log: ContainerLog) -> list[LogIssue]:
    groups: dict[tuple[str, Address | None], list[LogLine]] = defaultdict(list)
    near: Address | None = None
    said: tuple[int, Address] | None = None
    for number, line in enumerate(log.lines):
        signature = classify(line.text)
        if signature is not None:
            about = blamed(line.text) if signature.dependency else None
            if about and about.is_ip and (about.port or 0) >= _EPHEMERAL:
                about = None  # the far end of an incoming connection
            # A library often names the host on one line and the failure on the next.
            if about is None and signature.dependency:
                about = near
            # Or announces it just before: "connecting to db:5432", then "no server available".
            if about is None and signature.dependency and said and number - said[0] <= _ANNOUNCED:
                about = said[1]
            near = about or near
            groups[signature.kind, about].append(line)
        else:
            near = None
            named = [a for a in addresses(line.text) if not a.is_ip and a.port]
            if named and snapshot.exists("Service", log.namespace, named[-1].host.split(".")[0]):
                said = (number, named[-1])
            if is_error(line.text):
                groups["error", None].append(line)
    status = _status(pod, log.container)
    started = parse_time(dig(status, "state.running.startedAt"))
    down = "running" not in dig(status, "state", {})
    begin = max((t for t in (started if not log.previous else None, log.first) if t), default=None)
    tail = {id(line) for line in log.lines[-25:]}
    issues = []
    for (kind, about), lines in groups.items():
        first, last = lines[0].at, lines[-1].at
        final = (log.previous or down) and any(id(line) in tail for line in lines)
        clean = bool(first and begin and first - begin >= _CLEAN)
        ongoing = final or _goes_on(lines, snapshot.now)
        sample = _sample(lines)
        issues.append(
            LogIssue(
                workload=snapshot.controller(pod),
                pod=pod,
                log=log,
                kind=kind,
                blames=about,
                count=len(lines),
                first=first,
                last=last,
                lines=sample,
                clean_before=clean,
                ongoing=ongoing,
                final=final,
                grew=_grew(lines, begin, snapshot),
            )
        )
    return issues


def _grew(lines: Sequence[LogLine], begin: datetime | None, snapshot: Snapshot) -> bool:
    """Whether a line comes several times as often as it did from the log's begin to the window."""
    start = snapshot.scope.window.start
    if begin is None or begin >= start:
        return False
    times = [line.at for line in lines if line.at]
    before = sum(at < start for at in times) / max((start - begin).total_seconds(), _SHORTEST)
    lately = min(_LATELY, (snapshot.now - start).total_seconds())
    now = sum((snapshot.now - at).total_seconds() <= lately for at in times)
    return now >= _MANY and now / max(lately, 1.0) >= _TIMES * before


def _goes_on(lines: Sequence[LogLine], now: datetime) -> bool:
    """Whether lines are still being written, judged by the pace at which they came.

    Four times the usual pause without a new one, and it has stopped (for independent events
    that is wrong in 2 % of the cases). Lines that come in bursts may be silent for as long as they
    were several times before.
    """
    every = [line.at for line in lines if line.at]
    times = every[-_RECENT:]
    if not times:
        return False
    silence = (now - times[-1]).total_seconds()
    if len(times) < 3:
        return silence <= 45
    pause = (times[-1] - times[0]).total_seconds() / (len(times) - 1)
    pauses = sorted((b - a).total_seconds() for a, b in pairwise(every[-_BURSTS:]))
    usual = 1.3 * pauses[-3] if len(pauses) >= 10 else 0.0
    return silence <= min(max(8.0, 4 * pause, min(usual, _BETWEEN)), 300.0)


def _sample(lines: Sequence[LogLine]) -> tuple[str, ...]:
    chosen = [lines[0], *lines[-2:]] if len(lines) > 2 else list(lines)
    return tuple(dict.fromkeys(line.raw for line in chosen))


def _status(pod: Json, container: str) -> Json:
    for status in (*statuses(pod), *statuses(pod, init=True)):
        if status.get("name") == container:
            return status
    return {}


def is_chronic(issue: LogIssue, snapshot: Snapshot) -> bool:
    """Whether a running container has written this ever since it started, long ago: noise."""
    if issue.final or issue.clean_before or issue.grew:
        return False
    return bool(issue.first and issue.first < snapshot.scope.window.start)


def listening(snapshot: Snapshot, pod: Json) -> dict[int, tuple[str, str]]:
    """Return the ports that the pod's programs say they listen on: (query, line) by port."""
    found: dict[int, tuple[str, str]] = {}
    name, namespace = dig(pod, "metadata.name"), dig(pod, "metadata.namespace")
    for log in snapshot.logs:
        if log.pod == name and log.namespace == namespace:
            for line in log.lines[:400]:
                port = listening_port(line.text)
                if port:
                    found.setdefault(port, (log.query, line.raw))
    return found
