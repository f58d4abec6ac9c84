"""How a caller reaches a callee: names, Services, policies, standing connections, the registry."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.apps.model import App, Call, Service
from eval.environments.emulator.traffic.addresses import Address, parse, service_name
from eval.environments.emulator.traffic.failures import NO_USER, Failure, Kind
from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.hosts import Hosts
from eval.environments.emulator.traffic.processes import Process, Processes, Standing
from eval.environments.emulator.traffic.stores import Accounts
from eval.environments.emulator.traffic.surroundings import AppCluster

Targets = list[tuple[Process, int]]

_RESOLUTION: dict[str, Kind] = {
    "no_such_host": "no_such_host",
    "timeout": "dns_timeout",
    "server_misbehaving": "dns_failure",
}
_NO_SOCKET = {
    "ports": "cannot assign requested address",
    "file_descriptors": "too many open files",
}
_DNS_LIFETIME = timedelta(seconds=30)
_MOST_ANSWERS = 20_000
_IDLE_CONNECTIONS = 2
"""How many connections a client without a described pool keeps to a store."""


@dataclass(slots=True)
class _Answer:
    """That a name resolves: how long that may be believed, and in which topology DNS said it."""

    until: datetime
    topology: Hashable


class Network:
    """Resolves calls under the cluster's present state.

    A standing connection survives what happens to the Service in front of it (connection tracking
    keeps it), until its pool renews it or the process at its other end is gone. A NetworkPolicy holds
    for every packet.
    """

    def __init__(
        self, app: App, processes: Processes, accounts: Accounts, hosts: Hosts, flags: FeatureFlags
    ) -> None:
        self._app = app
        self._processes = processes
        self._accounts = accounts
        self._hosts = hosts
        self._flags = flags
        self._cluster: AppCluster | None = None
        self._memo: dict[tuple[int, str, int, str, str], Targets | Failure] = {}
        self._crowded: dict[str, float] = {}
        self._wanted: dict[str, float] = {}
        self._callers: dict[str, list[str]] = {}
        for service in app.services.values():
            for callee in {call.to for call in service.calls()}:
                self._callers.setdefault(callee, []).append(service.name)
        self._resolved: dict[tuple[str, str], _Answer] = {}
        self._ips: dict[str, dict[str, str]] = {}
        self._now: datetime | None = None
        self._topology: Hashable = None

    def attach(self, cluster: AppCluster) -> None:
        """Say which cluster this is the network of."""
        self._cluster = cluster

    def refresh(self, now: datetime) -> None:
        """Forget what was resolved before `now`."""
        self._memo.clear()
        self._crowded.clear()
        self._wanted.clear()
        self._ips.clear()
        self._now = now
        assert self._cluster is not None
        self._topology = self._cluster.topology()

    def reach(self, caller: Process | None, call: Call) -> Targets | Failure:
        """Return the processes (and ports) that a call would be spread over, or why there is none."""
        key = (id(caller), call.to, call.port, call.via, call.env)
        found = self._memo.get(key)
        if found is None:
            target = self._app.services[call.to]
            if call.via == "registry":
                found = self._registered(caller, target, call.port or target.ports[0].number)
            elif caller is None:
                found = self.dial(None, self.address(None, call), target)
            else:
                found = self._connected(caller, call, target)
            self._memo[key] = found
        return found

    def address(self, caller: Process | None, call: Call) -> Address:
        """Where a caller dials: its build and its flags first, then its environment, then the default."""
        target = self._app.services[call.to]
        port = call.port or target.ports[0].port
        if caller is None:
            return Address(call.to, port)
        given = (
            caller.dials.get(call.to)
            or self._flags.behaviour(caller).dials.get(call.to)
            or (caller.env.get(call.env, "") if call.env else "")
        )
        return parse(given, call.to, port) if given else Address(call.to, port)

    def need(self, caller: Process, service: str, port: int) -> Call:
        """What a program's start dials for something that it needs: what its requests dial later."""
        calls = [call for call in caller.program.calls() if call.to == service]
        first = calls[0] if calls else Call(service, "")
        return Call(service, "", port or first.port, env=first.env)

    def dial(
        self, caller: Process | None, address: Address, target: Service | None = None
    ) -> Targets | Failure:
        """Open new connections to an address, meant for `target`."""
        assert self._cluster is not None
        engine = target.store.engine if target is not None and target.store else ""
        host, port = address

        def failed(kind: Kind, at: str = "", detail: str = "") -> Failure:
            return Failure(kind, host, port, at, detail, engine=engine)

        if caller is not None:
            for resource in self._hosts.of(caller.program.name).exhausted:
                if resource in _NO_SOCKET:
                    return failed("no_socket", detail=_NO_SOCKET[resource])
        source = caller.pod if caller else None
        if source is not None:
            address = Address(_aliased(source, host), port)
        if address.is_ip:
            return self._by_ip(source, address) or failed("unreachable", address.host)
        if source is not None:
            unresolved = self._resolve(source, host)
            if unresolved:
                return failed(_RESOLUTION.get(unresolved, "dns_failure"))
        known = service_name(host, self._app.namespace)
        backends = self._cluster.reachable(source, *known, port) if known else None
        reached, blocked = self._open(source, backends or ())
        if reached:
            return reached
        ip = self._cluster_ip(*known) if known else ""
        if backends is None and not ip:
            if source is None or known:
                # what DNS said a moment ago no longer holds
                gone = "" if source is None else self._cluster.resolves(source, host)
                return failed(_RESOLUTION.get(gone, "no_such_host"))
            # a name outside the cluster that resolves leads nowhere from here
            return failed("unreachable")
        return _nobody(failed("unreachable" if blocked else "refused", ip), backends)

    def crowded(self, store: str) -> float:
        """The share of its clients' connections that a store refuses, for their number."""
        found = self._crowded.get(store)
        if found is None:
            found = self._crowded[store] = self._count(store)
        return found

    def clients(self, store: str) -> float:
        """How many connections the app's programs want to a store."""
        wanted = self._wanted.get(store)
        if wanted is None:
            wanted = 0.0
            for name in self._callers.get(store, ()):
                for process in self._processes.of_service(name):
                    pool = process.program.pools.get(store)
                    if pool is None:
                        wanted += _IDLE_CONNECTIONS
                    else:
                        wanted += max(1.0, min(pool.size, process.pools.of(store).in_use + 1))
            self._wanted[store] = wanted
        return wanted

    def _count(self, store: str) -> float:
        if "connections" in self._hosts.of(store).exhausted:
            return 1.0
        state = self._accounts.state(store)
        if state is None or not state.max_connections:
            return 0.0
        wanted = self.clients(store)
        return max(0.0, 1 - state.max_connections / wanted) if wanted else 0.0

    def _open(
        self, source: Json | None, backends: Sequence[tuple[Json, int]]
    ) -> tuple[Targets, bool]:
        """Connect to each (pod, port); also whether a policy drops what goes to one of them."""
        assert self._cluster is not None
        reached: Targets = []
        blocked = False
        for pod, number in backends:
            if not self._cluster.allowed(source, pod, number):
                blocked = True
                continue
            for process in self._processes.of_pod(pod["metadata"]["uid"]):
                if self._processes.accepts(process, number):
                    reached.append((process, number))
                    break
        return reached, blocked

    def _by_ip(self, source: Json | None, address: Address) -> Targets | Failure | None:
        assert self._cluster is not None
        for item in self._cluster.objects("Service", self._app.namespace):
            if item.get("spec", {}).get("clusterIP") == address.host:
                name = Address(item["metadata"]["name"], address.port)
                backends = self._cluster.reachable(
                    source, self._app.namespace, name.host, name.port
                )
                reached, blocked = self._open(source, backends or ())
                kind: Kind = "unreachable" if blocked else "refused"
                failure = Failure(kind, address.host, address.port, address.host)
                return reached or _nobody(failure, backends)
        for process in self._processes:
            if process.ip == address.host:
                reached, blocked = self._open(source, [(process.pod, address.port)])
                kind = "unreachable" if blocked else "refused"
                return reached or Failure(kind, address.host, address.port, address.host)
        return None

    def _connected(self, caller: Process, call: Call, target: Service) -> Targets | Failure:
        now = self._now or caller.started
        address = self.address(caller, call)
        key = (call.to, *address)
        standing = caller.connections.get(key)
        state = self._accounts.state(call.to)
        epoch = state.epoch if state else 0
        if standing is not None and standing.epoch == epoch:
            lifetime = _lifetime(caller.program, target)
            alive = True
            for process, number in standing.targets:
                if not self._processes.accepts(process, number):
                    alive = False
                    break
            unchanged = standing.topology is not None and standing.topology is self._topology
            if alive and unchanged and self._renewed(caller, call.to, address, standing, lifetime):
                return standing.targets
            if alive and (lifetime is None or now < standing.since + lifetime):
                return self._permitted(caller, standing.targets) or Failure(
                    "timeout",
                    address.host,
                    address.port,
                    standing.targets[0][0].ip,
                    engine=target.store.engine if target.store else "",
                    after_ms=call.timeout_ms,
                )
        reached = self.dial(caller, address, target)
        if not isinstance(reached, Failure):
            failure = self.refused_login(caller, call.to, reached[0][0], address)
            if failure is None:
                whole = self._whole(caller, address, len(reached))
                caller.connections[key] = Standing(
                    now, reached, epoch, self._topology if whole else None
                )
                return reached
            reached = failure
        caller.connections.pop(key, None)
        return reached

    def _whole(self, caller: Process, address: Address, reached: int) -> bool:
        """Whether all who are behind an address answered: only the topology decides who does then."""
        assert self._cluster is not None
        known = service_name(address.host, self._app.namespace)
        if known is None or self._hosts.of(caller.program.name).exhausted:
            return False
        answer = self._resolved.get((caller.uid, address.host))
        if answer is not None and answer.topology is not self._topology:
            return False  # what DNS said before the last change
        backends = self._cluster.reachable(caller.pod, *known, address.port)
        return backends is not None and len(backends) == reached

    def _renewed(
        self,
        caller: Process,
        store: str,
        address: Address,
        standing: Standing,
        lifetime: timedelta | None,
    ) -> bool:
        """Whether connections stand in an unchanged topology: those too old are opened anew, to the
        same targets."""
        now = self._now
        if now is None or lifetime is None or now < standing.since + lifetime:
            return True
        if self._hosts.of(caller.program.name).exhausted:
            return False
        if self.refused_login(caller, store, standing.targets[0][0], address) is not None:
            return False
        standing.since = now
        answer = self._resolved.get((caller.uid, address.host))
        if answer is not None and now >= answer.until:
            answer.until, answer.topology = now + _DNS_LIFETIME, self._topology
        return True

    def refused_login(
        self, caller: Process, store: str, server: Process, address: Address
    ) -> Failure | None:
        """Why a store would not let a program in on a new connection."""
        state = self._accounts.state(server.program.name)
        described = server.program.store
        if state is None or described is None:
            return None
        engine = described.engine
        if state.requires_tls:
            return Failure("tls_required", *address, server.ip, engine=engine)
        login = caller.program.logins.get(store)
        if login is None:
            return None
        password = caller.env.get(login.password_env, "") if login.password_env else None
        if self._accounts.accepts(server.program.name, login.user, password):
            return None
        known = self._accounts.knows(server.program.name, login.user)
        return Failure(
            "unauthenticated",
            *address,
            server.ip,
            detail="" if known else NO_USER,
            engine=engine,
            database=login.database,
            user=login.user,
        )

    def _permitted(self, caller: Process, targets: Targets) -> Targets:
        assert self._cluster is not None
        return [
            (process, number)
            for process, number in targets
            if self._cluster.allowed(caller.pod, process.pod, number)
        ]

    def _registered(self, caller: Process | None, target: Service, port: int) -> Targets | Failure:
        targets = [
            (process, port)
            for process in self._processes
            if process.program.registered_as == target.registered_as
            and self._processes.accepts(process, port)
        ]
        if not targets:
            return Failure("no_address", target.name, port)
        permitted = self._permitted(caller, targets) if caller else targets
        return permitted or Failure("unreachable", target.name, port, targets[0][0].ip)

    def _resolve(self, source: Json, host: str) -> str:
        """Ask DNS; an answer is good for its time to live."""
        assert self._cluster is not None
        key = source["metadata"]["uid"], host
        now = self._now
        known = self._resolved.get(key)
        if now is not None and known is not None and now < known.until:
            return ""
        unresolved = self._cluster.resolves(source, host)
        if unresolved:
            self._resolved.pop(key, None)
        elif now is not None:
            self._resolved[key] = _Answer(now + _DNS_LIFETIME, self._topology)
            if len(self._resolved) > _MOST_ANSWERS:
                self._resolved = {k: a for k, a in self._resolved.items() if a.until > now}
        return unresolved

    def _cluster_ip(self, namespace: str, service: str) -> str:
        assert self._cluster is not None
        ips = self._ips.get(namespace)
        if ips is None:
            ips = self._ips[namespace] = {
                item["metadata"]["name"]: str(item.get("spec", {}).get("clusterIP") or "None")
                for item in self._cluster.objects("Service", namespace)
            }
        return ips.get(service, "")


def _nobody(failure: Failure, backends: Sequence[tuple[Json, int]] | None) -> Failure:
    """Why a Service's address leads nowhere: kube-proxy rejects a port of it that has no backends,
    and knows no other port; who is behind it refuses by itself."""
    if failure.address in ("", "None"):
        return failure
    if backends is None:
        return replace(failure, kind="unreachable")
    return failure if backends else replace(failure, rejected=failure.kind == "refused")


def _aliased(pod: Json, host: str) -> str:
    """The address that the pod's own hosts file gives a name, or the name."""
    for entry in pod.get("spec", {}).get("hostAliases") or ():
        if host in (entry.get("hostnames") or ()):
            return str(entry["ip"])
    return host


def _lifetime(caller: Service, target: Service) -> timedelta | None:
    """How long a pooled connection lives: drivers of databases and memcached keep theirs."""
    if target.store and target.store.engine in ("mongodb", "memcached"):
        return None
    seconds = caller.keepalive_seconds
    return None if seconds is None else timedelta(seconds=seconds)
