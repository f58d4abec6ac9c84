"""Puts an app's simulation together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.apps.model import App
from eval.environments.emulator.seams import Ticker, TraceSink
from eval.environments.emulator.traffic.administration import Administration
from eval.environments.emulator.traffic.consumers import Consumers
from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.flow import Flow
from eval.environments.emulator.traffic.hosts import Hosts
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.metrics.brokers import Brokers
from eval.environments.emulator.traffic.metrics.cadvisor import CAdvisor
from eval.environments.emulator.traffic.metrics.kube_state import KubeState
from eval.environments.emulator.traffic.metrics.kube_workloads import KubeWorkloads
from eval.environments.emulator.traffic.metrics.nodes import Nodes
from eval.environments.emulator.traffic.metrics.requests import Requests
from eval.environments.emulator.traffic.metrics.scrape import SampleSink, Scraper
from eval.environments.emulator.traffic.metrics.stores import Stores
from eval.environments.emulator.traffic.metrics.volumes import Volumes
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Processes
from eval.environments.emulator.traffic.programs import AppPrograms
from eval.environments.emulator.traffic.queues import Queues
from eval.environments.emulator.traffic.resources import Resources
from eval.environments.emulator.traffic.routine import Routine
from eval.environments.emulator.traffic.spans import SpanMetrics
from eval.environments.emulator.traffic.stores import Accounts
from eval.environments.emulator.traffic.surroundings import AppCluster
from eval.environments.emulator.traffic.tracing import Tracer
from eval.environments.emulator.traffic.workload import Traffic


@dataclass(slots=True)
class Software:
    """An app's programs before there is a cluster for them: a cluster is made with `programs`."""

    app: App
    processes: Processes
    network: Network
    accounts: Accounts
    hosts: Hosts
    flags: FeatureFlags
    queues: Queues
    administration: Administration
    programs: AppPrograms

    @classmethod
    def of(cls, app: App) -> Software:
        """Install an app's software."""
        processes = Processes(app.namespace)
        accounts, hosts, queues = Accounts(app), Hosts(), Queues(app)
        flags = FeatureFlags(app, processes)
        network = Network(app, processes, accounts, hosts, flags)
        programs = AppPrograms(app, processes, network, accounts, hosts, flags)
        administration = Administration(app, accounts, queues, hosts, processes)
        return cls(
            app, processes, network, accounts, hosts, flags, queues, administration, programs
        )

    def run(
        self,
        cluster: AppCluster,
        sink: SampleSink[Any],
        traces: TraceSink | None = None,
        *,
        seed: int = 0,
        rate: float | None = None,
    ) -> tuple[Traffic, Ticker]:
        """Connect to a cluster; return the users and the scraper, to be put on its clock in order."""
        self.processes.attach(cluster)
        self.network.attach(cluster)
        self.programs.attach(cluster)
        self.administration.attach(cluster)
        app, processes, network, flags = self.app, self.processes, self.network, self.flags
        flows, metrics, drawn = (np.random.default_rng([seed, stream]) for stream in (1, 2, 3))
        spans, logbook = SpanMetrics(flows), Logbook()
        flow = Flow(
            app,
            network,
            self.programs,
            self.accounts,
            self.hosts,
            flags,
            self.queues,
            spans,
            logbook,
            flows,
        )
        resources = Resources(cluster, processes, flags, self.hosts)
        traffic = Traffic(
            app,
            cluster,
            processes,
            network,
            flags,
            flow,
            Consumers(app, processes, network, flags, self.queues, flow, logbook),
            resources,
            Routine(processes, self.programs, self.programs.inits, logbook, flows),
            Tracer(app, traces, drawn) if traces is not None else None,
            logbook,
            flows,
            rate,
        )
        exporters = (
            CAdvisor(processes, metrics, resources.oom_kills),
            KubeState(cluster),
            KubeWorkloads(cluster),
            Volumes(cluster, processes, self.hosts),
            Nodes(cluster, processes, metrics),
            Requests(spans),
            Stores(processes, network),
            Brokers(self.queues, processes, app),
        )
        return traffic, Scraper(sink, exporters)
