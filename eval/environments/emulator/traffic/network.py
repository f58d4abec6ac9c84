"""How a caller reaches a callee: names, Services, endpoints, standing connections, the registry."""

from __future__ import annotations

from datetime import datetime, timedelta

from eval.apps.model import App, Service
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.processes import Process, Processes

Targets = list[tuple[Process, int]]


class Network:
    """Resolves calls under the cluster's present state.

    A standing connection survives what happens to the Service in front of it (connection tracking
    keeps it), until its pool renews it or the process at its other end is gone.
    """

    def __init__(self, app: App, processes: Processes) -> None:
        self._app = app
        self._processes = processes
        self._cluster: ClusterState | None = None
        self._memo: dict[tuple[int, str, int, str], Targets | Failure] = {}
        self._now: datetime | None = None

    def attach(self, cluster: ClusterState) -> None:
        """Say which cluster this is the network of."""
        self._cluster = cluster

    def refresh(self, now: datetime) -> None:
        """Forget what was resolved before `now`."""
        self._memo.clear()
        self._now = now

    def reach(
        self, caller: Process | None, service: str, port: int = 0, via: str = "service"
    ) -> Targets | Failure:
        """Return the processes (and ports) that a call would be spread over, or why there is none."""
        target = self._app.services[service]
        port = port or target.ports[0].port
        key = (id(caller), service, port, via)
        found = self._memo.get(key)
        if found is None:
            if via == "registry":
                found = self._registered(target, port)
            else:
                found = self._connected(caller, target, port)
            self._memo[key] = found
        return found

    def dial(self, service: str, port: int = 0) -> Targets | Failure:
        """Open new connections through the Service."""
        assert self._cluster is not None
        target = self._app.services[service]
        port = port or target.ports[0].port
        engine = target.store.engine if target.store else ""
        namespace = self._app.namespace
        backends = self._cluster.endpoints(namespace, service, port)
        if backends is None:
            address = self._cluster_ip(service)
            # a Service without that port swallows or refuses; without Service the name is unknown
            kind = "refused" if address else "no_such_host"
            return Failure(
                "refused" if kind == "refused" else "no_such_host",
                service,
                port,
                address,
                engine=engine,
            )
        reached: Targets = []
        for pod, number in backends:
            for process in self._processes.of_pod(pod["metadata"]["uid"]):
                if self._processes.accepts(process, number):
                    reached.append((process, number))
                    break
        if not reached:
            return Failure("refused", service, port, self._cluster_ip(service), engine=engine)
        return reached

    def _connected(self, caller: Process | None, target: Service, port: int) -> Targets | Failure:
        if caller is None:
            return self.dial(target.name, port)
        now = self._now or caller.started
        standing = caller.connections.get((target.name, port))
        if standing is not None:
            since, targets = standing
            lifetime = _lifetime(caller.program, target)
            alive = all(self._processes.accepts(process, number) for process, number in targets)
            if alive and (lifetime is None or now < since + lifetime):
                return targets
        reached = self.dial(target.name, port)
        if isinstance(reached, Failure):
            caller.connections.pop((target.name, port), None)
        else:
            caller.connections[target.name, port] = (now, reached)
        return reached

    def _registered(self, target: Service, port: int) -> Targets | Failure:
        targets = [
            (process, port)
            for process in self._processes
            if process.program.registered_as == target.registered_as
            and self._processes.accepts(process, port)
        ]
        return targets or Failure("no_address", target.name, port)

    def _cluster_ip(self, service: str) -> str:
        assert self._cluster is not None
        for item in self._cluster.objects("Service", self._app.namespace):
            if item["metadata"]["name"] == service:
                return str(item.get("spec", {}).get("clusterIP") or "None")
        return ""


def _lifetime(caller: Service, target: Service) -> timedelta | None:
    """How long a pooled connection lives: drivers of databases and memcached keep theirs."""
    if target.store and target.store.engine in ("mongodb", "memcached"):
        return None
    seconds = caller.keepalive_seconds
    return None if seconds is None else timedelta(seconds=seconds)
