"""A cluster without controllers: pods run from the moment they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connectors.api.values import Json
from eval.apps.manifests import manifests
from eval.apps.model import App
from eval.environments.emulator.seams import Run, TraceSink
from eval.environments.emulator.traffic.build import Software
from eval.environments.emulator.traffic.surroundings import AppCluster
from eval.environments.emulator.traffic.workload import Traffic
from tests.eval.environments.emulator.traffic.plain_surroundings import PlainSurroundings

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class FakeCluster(PlainSurroundings):
    """Fits `AppCluster`; tests change its objects by hand."""

    def __init__(self, software: Software) -> None:
        super().__init__(self)
        self.software = software
        self.time = START
        self.runs: dict[str, tuple[Run, datetime]] = {}
        self.logs: dict[str, list[tuple[datetime, str]]] = {}
        self.items: dict[str, list[Json]] = {"Pod": [], "Endpoints": [], "Node": []}
        self._lists: dict[str, tuple[str, list[Json]]] = {}
        self.ended: list[tuple[str, int]] = []
        for item in manifests(software.app):
            self.items.setdefault(item["kind"], []).append(item)
        for number, service in enumerate(self.items["Service"]):
            service["spec"]["clusterIP"] = f"10.96.1.{number}"

    def now(self) -> datetime:
        return self.time

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        present = self.items.get(kind, [])
        shown = repr(present)
        if self._lists.get(kind, ("", present))[0] != shown:
            self._lists[kind] = shown, list(present)
        return self._lists[kind][1]

    def endpoints(
        self, namespace: str, service: str, port: int
    ) -> Sequence[tuple[Json, int]] | None:
        for item in self.items["Service"]:
            if item["metadata"]["name"] == service:
                label, value = next(iter(item["spec"]["selector"].items()))
                pods = [p for p in self.items["Pod"] if p["metadata"]["labels"][label] == value]
                for each in item["spec"]["ports"]:
                    if each["port"] == port:
                        return [(pod, each["targetPort"]) for pod in pods]
        return None

    def listening(self, pod: Json) -> frozenset[int]:
        run, started = self.runs[pod["metadata"]["uid"]]
        age = (self.time - started).total_seconds()
        if run.exits_after is not None and age >= run.exits_after:
            return frozenset()
        return frozenset(run.listens if age >= run.ready_after else ())

    def log(self, pod: Json, container: str, line: str, at: datetime | None = None) -> None:
        self.logs.setdefault(pod["metadata"]["name"], []).append((at or self.time, line))

    def terminate(
        self, pod: Json, container: str, exit_code: int = 1, *, oom: bool = False
    ) -> bool:
        uid = pod["metadata"]["uid"]
        self.ended.append((pod["metadata"]["name"], exit_code))
        self.runs[uid] = (Run(exits_after=0.0, exit_code=exit_code), self.time)
        return True

    def go_on(self, pod: Json, container: str, run: Run) -> None:
        self.runs[pod["metadata"]["uid"]] = (run, self.time)

    def start_pod(self, service: str) -> Run:
        """Make a pod of a Deployment's template and start it."""
        label = self.software.app.label
        template = next(d for d in self.items["Deployment"] if d["metadata"]["name"] == service)[
            "spec"
        ]["template"]
        number = len(self.items["Pod"])
        pod: Json = {
            "metadata": {
                "name": f"{service}-0",
                "uid": f"{service}-{number}",
                "namespace": self.software.app.namespace,
                "labels": {label: service},
            },
            "spec": {**template["spec"], "nodeName": "node-1"},
            "status": {"podIP": f"10.244.0.{number}", "phase": "Running"},
        }
        container = template["spec"]["containers"][0]
        pod["status"]["containerStatuses"] = [
            {"name": container["name"], "state": {"running": {}}, "restartCount": 0}
        ]
        self.items["Pod"].append(pod)
        run = self.software.programs.start(pod, container, self.time)
        self.runs[pod["metadata"]["uid"]] = (run, self.time)
        for after, line in run.lines:
            self.log(pod, container["name"], line, self.time + timedelta(seconds=after))
        return run

    def stop_pods(self, service: str) -> None:
        """Delete a service's pods."""
        self.items["Pod"] = [
            p for p in self.items["Pod"] if p["metadata"]["name"] != f"{service}-0"
        ]

    def text(self, service: str) -> str:
        """The log of a service's pod."""
        return "\n".join(line for _, line in self.logs.get(f"{service}-0", []))


class FakeSeries:
    """A series that keeps its samples."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []

    def append(self, t: float, value: float) -> None:
        self.samples.append((t, value))


class FakeSink:
    """Fits `SampleSink`."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, tuple[tuple[str, str], ...]], FakeSeries] = {}
        self.described: dict[str, str] = {}
        self.stale: list[tuple[str, dict[str, str], float]] = []

    def series(self, name: str, labels: Mapping[str, str]) -> FakeSeries:
        return self.all.setdefault((name, tuple(sorted(labels.items()))), FakeSeries())

    def append_all(self, series: Sequence[FakeSeries], t: float, values: Sequence[float]) -> None:
        for one, value in zip(series, values, strict=True):
            one.append(t, value)

    def mark_stale(self, name: str, labels: Mapping[str, str], t: float) -> None:
        self.stale.append((name, dict(labels), t))

    def describe(self, name: str, type: str, help: str = "", unit: str = "") -> None:
        self.described[name] = type

    def last(self, name: str, **labels: str) -> float:
        """The sum of the last values of the matching series."""
        wanted = set(labels.items())
        return sum(
            series.samples[-1][1]
            for (found, have), series in self.all.items()
            if found == name and wanted <= set(have)
        )


class World:
    """A fake cluster with an app's software, users and metrics on it."""

    def __init__(
        self,
        app: App,
        *,
        seed: int = 0,
        rate: float | None = None,
        traces: TraceSink | None = None,
    ) -> None:
        self.software = Software.of(app)
        self.cluster = FakeCluster(self.software)
        self.sink = FakeSink()
        state: AppCluster = self.cluster
        self.traffic: Traffic
        self.traffic, self.scraper = self.software.run(
            state, self.sink, traces, seed=seed, rate=rate
        )

    def deploy(self) -> None:
        """Start all pods, stores first."""
        services = sorted(
            self.software.app.services.values(),
            key=lambda s: (s.store is None, s.name != self.software.app.registry),
        )
        seen_stores = True
        for service in services:
            if service.store is None and seen_stores:
                self.pass_time(5)
                seen_stores = False
            if service.name == self.software.app.registry:
                self.cluster.start_pod(service.name)
                self.pass_time(5)
            else:
                self.cluster.start_pod(service.name)
        self.pass_time(5)
        self.traffic.running = True

    def pass_time(self, seconds: int) -> None:
        """Let time pass, second by second."""
        for _ in range(seconds):
            start = self.cluster.time
            self.cluster.time = end = start + timedelta(seconds=1)
            self.traffic.tick(start, end)
            self.scraper.tick(start, end)
