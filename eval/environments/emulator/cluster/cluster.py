"""The emulated cluster, assembled."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.values import Json
from eval.environments.emulator.cluster.addons import install
from eval.environments.emulator.cluster.admitting.webhooks import Webhooks
from eval.environments.emulator.cluster.bootstrap import bootstrap
from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.cluster.controllers.aggregation import AggregatedRoles
from eval.environments.emulator.cluster.controllers.autoscaling import Autoscalers
from eval.environments.emulator.cluster.controllers.cronjobs import CronJobs
from eval.environments.emulator.cluster.controllers.daemonset import DaemonSets
from eval.environments.emulator.cluster.controllers.deployment import Deployments
from eval.environments.emulator.cluster.controllers.disruption import Disruptions
from eval.environments.emulator.cluster.controllers.endpoints import Endpoints
from eval.environments.emulator.cluster.controllers.garbage import GarbageCollector
from eval.environments.emulator.cluster.controllers.jobs import Jobs
from eval.environments.emulator.cluster.controllers.namespaces import Namespaces
from eval.environments.emulator.cluster.controllers.nodes import NodeLifecycle
from eval.environments.emulator.cluster.controllers.quotas import Quotas
from eval.environments.emulator.cluster.controllers.replicaset import ReplicaSets
from eval.environments.emulator.cluster.controllers.statefulset import StatefulSets
from eval.environments.emulator.cluster.controllers.volumes import Protection, Volumes
from eval.environments.emulator.cluster.events import Recorder
from eval.environments.emulator.cluster.hosts import Hosts
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.kubeconfig import write_kubeconfig
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.kubelet.heartbeat import Heartbeats
from eval.environments.emulator.cluster.kubelet.logs import LogBuffer
from eval.environments.emulator.cluster.kubelet.pressure import Pressure
from eval.environments.emulator.cluster.legacy_tokens import LegacyTokens
from eval.environments.emulator.cluster.machines import Machines
from eval.environments.emulator.cluster.manager import Manager
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.network.view import Inside
from eval.environments.emulator.cluster.objects import clone, key_of
from eval.environments.emulator.cluster.registry import Registry
from eval.environments.emulator.cluster.scheduler import Scheduler
from eval.environments.emulator.cluster.software import Software
from eval.environments.emulator.cluster.store import Store
from eval.environments.emulator.cluster.version import MODERN, version_named
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Programs, Run

if TYPE_CHECKING:
    from eval.environments.emulator.cluster.api.server import ApiServer

_UP = timedelta(minutes=65)
_NOTHING: frozenset[int] = frozenset()


class EmulatedCluster:
    """A Kubernetes cluster on a virtual clock; fits `seams.ClusterState`.

    `version` is `1.33`, or `1.20` with that version's API; without `upstream_dns` the nodes know no name
    server that knows the world (a closed network). Everything that happens follows from
    `seed`, `start` and what is asked of it; only the access
    tokens are drawn anew each time.
    """

    def __init__(
        self,
        programs: Programs,
        *,
        seed: int = 0,
        nodes: int = 3,
        start: datetime,
        version: str = MODERN.minor,
        upstream_dns: bool = True,
    ) -> None:
        self.clock = VirtualClock(start - _UP)
        names = Names(seed)
        store = Store(self.clock.now, names)
        self.world = world = World(
            clock=self.clock,
            names=names,
            store=store,
            index=Index(store),
            software=Software(programs),
            registry=Registry(self.clock, store, names, version_named(version)),
            events=Recorder(self.clock, store),
            manager=Manager(self.clock, store),
        )
        self.hosts = Hosts()
        self._kubelets = Kubelets(world, self.hosts)
        self.machines = Machines(world, self.hosts, self._kubelets)
        self.tokens = {user: secrets.token_hex(16) for user in ("admin", "viewer")}
        self._server: ApiServer | None = None
        self._certificate = ""
        self._base_url = self._secure_url = ""
        self.inside = Inside(world, self._kubelets, upstream_dns)
        world.registry.admission.webhooks = Webhooks(
            store, world.index, world.software, self.listening
        )
        for controller in (
            Namespaces(world),
            Deployments(world),
            ReplicaSets(world, "ReplicaSet"),
            ReplicaSets(world, "ReplicationController"),
            StatefulSets(world),
            DaemonSets(world),
            Jobs(world),
            CronJobs(world),
            Autoscalers(world),
            Disruptions(world),
            Volumes(world),
            Protection(world),
            NodeLifecycle(world),
            Scheduler(world),
            self._kubelets,
            Endpoints(world),
            Quotas(world),
            GarbageCollector(world),
            AggregatedRoles(world),
        ):
            world.manager.register(controller)
        if world.registry.catalog.version.legacy:
            world.manager.register(LegacyTokens(world))
        bootstrap(world, nodes)
        install(world)
        self.clock.advance(_UP.total_seconds())
        Heartbeats(world, self.hosts)
        Pressure(world, self.hosts, self._kubelets)

    async def serve(self) -> str:
        """Serve the Kubernetes API on the loopback; returns its HTTP base URL.

        Requests carry one of `tokens` as bearer. Kubeconfigs use HTTPS, as kubectl demands.
        """
        # the HTTP stack is imported only by those who serve
        from eval.environments.emulator.cluster.api.metrics import SoftwareMetrics
        from eval.environments.emulator.cluster.api.server import ApiServer
        from eval.environments.emulator.cluster.api.shell import Hooks, StateInside
        from eval.environments.emulator.cluster.tls import make_certificate, server_context

        if self._server is None:
            certificate, key = make_certificate()
            software = self.world.software
            server = ApiServer(
                self.world,
                self._kubelets,
                self.tokens,
                inside=StateInside(
                    self.world,
                    Hooks(self.listening, software.status, software.command, self.inside),
                ),
                metrics=SoftwareMetrics(self.world) if software.metered else None,
            )
            plain, secure = await server.start(server_context(certificate, key))
            self._server = server
            self._certificate = certificate
            self._base_url = f"http://127.0.0.1:{plain}"
            self._secure_url = f"https://127.0.0.1:{secure}"
        return self._base_url

    def kubeconfig(self, path: Path, user: str = "admin", *, namespace: str = "default") -> Path:
        """Write a kubeconfig for `user` ("admin" or "viewer"). Raises RuntimeError before `serve`."""
        if self._server is None:
            raise RuntimeError("the cluster serves no API yet: call serve() first")
        write_kubeconfig(
            path,
            server=self._secure_url,
            certificate=self._certificate,
            user=user,
            token=self.tokens[user],
            namespace=namespace,
        )
        return path

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def now(self) -> datetime:
        """The virtual time."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.clock.advance(seconds)

    def create(self, body: Json) -> Json:
        """Create an object as an administrator would. Raises `ApiError`."""
        created = self.world.registry.create(body)
        self.world.manager.settle()
        return created

    def apply(self, bodies: Iterable[Json]) -> list[Json]:
        """Create the objects, or replace those that exist, in order. Raises `ApiError`."""
        applied: list[Json] = []
        for body in bodies:
            resource = self.world.store.kinds[self.world.store.kind_of(body)]
            wanted = clone(body)
            if resource.namespaced:
                wanted["metadata"].setdefault("namespace", "default")
            if self.world.store.get(resource.key, *key_of(wanted)) is None:
                applied.append(self.world.registry.create(wanted))
            else:
                applied.append(self.world.registry.update(resource, wanted))
            self.world.manager.settle()
        return applied

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        """The live objects of a kind (not copies: read only)."""
        return self.world.store.all(kind, namespace)

    def endpoints(
        self, namespace: str, service: str, port: int
    ) -> Sequence[tuple[Json, int]] | None:
        """Ready (pod, target port number) pairs behind a Service port; None: no such Service/port."""
        return self.inside.backends.of(namespace, service, port)

    def resolves(self, pod: Json, name: str) -> str:
        """Return "" when the name resolves for a program in the pod, else why not."""
        return self.inside.resolves(pod, name)

    def allowed(self, source: Json | None, target: Json, port: int, protocol: str = "TCP") -> bool:
        """Whether NetworkPolicies let a new connection through; no source: from outside."""
        return self.inside.allowed(source, target, port, protocol)

    def reachable(
        self, source: Json | None, namespace: str, service: str, port: int
    ) -> Sequence[tuple[Json, int]] | None:
        """Return the (pod, target port) pairs that a program in `source` is sent to."""
        return self.inside.reachable(source, namespace, service, port)

    def topology(self) -> Hashable:
        """What decides who reaches whom: while it is the same object, so are all answers about that."""
        return self.inside.topology()

    def mounted(self, pod: Json, container: str) -> Mapping[str, str]:
        """Return the files of mounted ConfigMaps, Secrets and downward API, by absolute path."""
        return self.inside.mounted(pod, container)

    def environment(self, pod: Json, container: str) -> Mapping[str, str]:
        """Return the environment variables with which a container's present run started."""
        return self.inside.environment(pod, container)

    def denied(
        self, pod: Json, verb: str, group: str, resource: str, namespace: str, name: str = ""
    ) -> str:
        """Return "" when RBAC lets the pod's service account do this, else the refusal's text."""
        return self.inside.denied(pod, verb, group, resource, namespace, name)

    def listening(self, pod: Json) -> frozenset[int]:
        """The ports on which the pod's running programs accept connections now."""
        state = self._kubelets.pod(pod["metadata"]["uid"])
        return _NOTHING if state is None else state.listening

    def log(self, pod: Json, container: str, line: str, at: datetime | None = None) -> None:
        """Append one line to the present run of a container's log; dropped when none runs."""
        state = self._kubelets.pod(pod["metadata"]["uid"])
        item = None if state is None else state.container(container)
        if item is not None and item.running and item.log is not None:
            item.log.append(at or self.clock.now(), line)

    def container_logs(self, pod: Json) -> list[tuple[str, LogBuffer]]:
        """The logs of a pod's containers that its kubelet keeps, previous runs first."""
        state = self._kubelets.pod(pod["metadata"]["uid"])
        items = [] if state is None else state.containers
        kept = [(item.name, log) for item in items for log in (item.previous_log, item.log)]
        return [(name, log) for name, log in kept if log is not None]

    def terminate(
        self, pod: Json, container: str, exit_code: int = 1, *, oom: bool = False
    ) -> bool:
        """Let the program in a container end now; False when none runs there."""
        done = self._kubelets.end_run(pod["metadata"]["uid"], container, exit_code, oom)
        self.world.manager.settle()
        return done

    def go_on(self, pod: Json, container: str, run: Run) -> None:
        """Let the program in a container do from now on what `run` says, not what its start had said."""
        self._kubelets.go_on(pod["metadata"]["uid"], container, run)
