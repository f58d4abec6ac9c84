"""Puts an app's simulation together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.apps.model import App
from eval.environments.emulator.seams import Ticker
from eval.environments.emulator.traffic.flow import Flow
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.metrics.cadvisor import CAdvisor
from eval.environments.emulator.traffic.metrics.kube_state import KubeState
from eval.environments.emulator.traffic.metrics.nodes import Nodes
from eval.environments.emulator.traffic.metrics.requests import Requests
from eval.environments.emulator.traffic.metrics.scrape import SampleSink, Scraper
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Processes
from eval.environments.emulator.traffic.spans import SpanMetrics
from eval.environments.emulator.traffic.start import AppPrograms
from eval.environments.emulator.traffic.stores import Accounts
from eval.environments.emulator.traffic.workload import AppCluster, Traffic


@dataclass(slots=True)
class Software:
    """An app's programs before there is a cluster for them: a cluster is made with `programs`."""

    app: App
    processes: Processes
    network: Network
    accounts: Accounts
    programs: AppPrograms

    @classmethod
    def of(cls, app: App) -> Software:
        """Install an app's software."""
        processes = Processes(app.namespace)
        network = Network(app, processes)
        accounts = Accounts(app)
        programs = AppPrograms(app, processes, network, accounts)
        return cls(app, processes, network, accounts, programs)

    def run(
        self, cluster: AppCluster, sink: SampleSink, *, seed: int = 0, rate: float | None = None
    ) -> tuple[Traffic, Ticker]:
        """Connect to a cluster; return the users and the scraper, to be put on its clock in order."""
        for part in (self.processes, self.network, self.programs):
            part.attach(cluster)
        flows, metrics = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
        spans, logbook = SpanMetrics(flows), Logbook()
        flow = Flow(self.app, self.network, self.programs, spans, logbook, flows)
        traffic = Traffic(
            self.app,
            cluster,
            self.processes,
            self.network,
            self.programs,
            flow,
            logbook,
            flows,
            rate,
        )
        exporters = (
            CAdvisor(self.processes, metrics),
            KubeState(cluster),
            Nodes(cluster, self.processes, metrics),
            Requests(spans),
        )
        return traffic, Scraper(sink, exporters)
