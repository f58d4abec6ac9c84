"""What promtail would have sent to Loki: the log of every run of every container, with labels."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from connectors.api.values import Json
from eval.environments.emulator.telemetry.matchers import Matcher

SCAN_SECONDS = 10
"""How often the pods are looked through for new runs, in virtual time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HASH = re.compile(r"-[0-9a-f]{8,10}$")

Labels = dict[str, str]
Entry = tuple[int, str]


class RunLog(Protocol):
    """The log of one run of a container."""

    def lines(self, now: datetime) -> list[tuple[datetime, str]]:
        """Return the lines written until now."""
        ...


class LoggingCluster(Protocol):
    """What is asked of the emulated cluster."""

    def now(self) -> datetime:
        """The virtual time."""
        ...

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        """The live objects of a kind."""
        ...

    def container_logs(self, pod: Json) -> Sequence[tuple[str, RunLog]]:
        """The logs that the kubelet keeps of a pod's containers, previous runs first."""
        ...


@dataclass(slots=True)
class _Run:
    labels: Labels
    log: RunLog
    seen: datetime


class ContainerLogs:
    """The logs of present containers and of those of the last `retention` seconds.

    A `seams.Ticker`: put it on the cluster's clock, so that no run is missed. Lines are not
    copied: of one run there are as many as the cluster itself keeps.
    """

    def __init__(
        self, cluster: LoggingCluster, *, retention: float = 6 * 3600, max_gone_runs: int = 200
    ) -> None:
        self._cluster = cluster
        self._retention = timedelta(seconds=retention)
        self._max_gone = max_gone_runs
        self._runs: dict[int, _Run] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._due = _EPOCH

    def tick(self, start: datetime, end: datetime) -> None:
        """Look for new runs, now and then."""
        if end >= self._due:
            self._due = end + timedelta(seconds=SCAN_SECONDS)
            self.scan()

    def scan(self) -> None:
        """Take note of the runs that there are, and forget old ones."""
        now = self._cluster.now()
        present: set[int] = set()
        for pod in self._cluster.objects("Pod"):
            for container, log in self._cluster.container_logs(pod):
                present.add(id(log))
                run = self._runs.get(id(log))
                if run is None:
                    self._runs[id(log)] = _Run(self._labels(pod, container), log, now)
                else:
                    run.seen = now
        gone = [key for key, run in self._runs.items() if key not in present]
        for number, key in enumerate(reversed(gone)):
            if number >= self._max_gone or now - self._runs[key].seen > self._retention:
                del self._runs[key]

    def streams(self, matchers: Sequence[Matcher]) -> Iterator[tuple[Labels, RunLog]]:
        """Return the streams that satisfy all matchers, in the order in which they began."""
        self.scan()
        for run in list(self._runs.values()):
            if all(matcher.accepts(run.labels) for matcher in matchers):
                yield run.labels, run.log

    def select(
        self, matchers: Sequence[Matcher], start: int, end: int
    ) -> Iterator[tuple[Labels, Sequence[Entry]]]:
        """Return the matching streams with their lines in [start, end) ns, oldest first.

        Streams without such lines are left out. Raises `ValueError` for a bad expression.
        """
        now = self._cluster.now()
        first, last = _moment(start), _moment(end)
        for labels, log in self.streams(matchers):
            lines = sorted(log.lines(now), key=_when)
            low = bisect_left(lines, first, key=_when)
            high = bisect_left(lines, last, key=_when)
            if low < high:
                yield labels, [(nanoseconds(at), text) for at, text in lines[low:high]]

    def _labels(self, pod: Json, container: str) -> Labels:
        meta = pod["metadata"]
        namespace, name, uid = meta["namespace"], meta["name"], meta["uid"]
        number = self._counts.get((uid, container), 0)
        self._counts[uid, container] = number + 1
        own = meta.get("labels") or {}
        app = own.get("app.kubernetes.io/name") or own.get("app") or _owner(pod) or name
        labels = {
            "app": app,
            "container": container,
            "filename": f"/var/log/pods/{namespace}_{name}_{uid}/{container}/{number}.log",
            "job": f"{namespace}/{app}",
            "namespace": namespace,
            "node_name": pod["spec"].get("nodeName", ""),
            "pod": name,
            "stream": "stdout",
        }
        for label, keys in (
            ("instance", ("app.kubernetes.io/instance", "instance")),
            ("component", ("app.kubernetes.io/component", "component")),
        ):
            value = next((own[key] for key in keys if own.get(key)), "")
            if value:
                labels[label] = value
        return labels


def nanoseconds(moment: datetime) -> int:
    """Return a moment as Unix nanoseconds, Loki's unit."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def _moment(ns: int) -> datetime:
    # a part of a microsecond counts as a whole one: lines have no finer times
    bounded = min(max(-(-ns // 1000), 0), 253_402_300_799_000_000)
    return _EPOCH + bounded * _MICROSECOND


def _when(line: tuple[datetime, str]) -> datetime:
    return line[0]


def _owner(pod: Json) -> str:
    owner: Json = next(iter(pod["metadata"].get("ownerReferences") or ()), {})
    return _HASH.sub("", str(owner.get("name", "")))
