"""Name resolution, as a program in a pod experiences it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.backends import Backends
from eval.environments.emulator.cluster.kubelet.runtime import PodState
from eval.environments.emulator.cluster.network import corefile
from eval.environments.emulator.cluster.network.policies import Policies
from eval.environments.emulator.cluster.world import World

OK = ""
NO_SUCH_HOST = "no_such_host"
TIMEOUT = "timeout"
MISBEHAVING = "server_misbehaving"
_NAMESPACE, _SERVICE, _PORT = "kube-system", "kube-dns", 53
_DOMAIN = "cluster.local."
_PUBLIC_SUFFIXES = frozenset(
    [
        "com",
        "net",
        "org",
        "io",
        "dev",
        "app",
        "cloud",
        "ai",
        "co",
        "edu",
        "gov",
        "info",
        "me",
        "uk",
        "de",
        "fr",
        "eu",
        "us",
        "ch",
        "nl",
        "jp",
    ]
)
_NDOTS = 5
_MEMORY = timedelta(seconds=5)
_KINDS = ("Pod", "Service", "Endpoints", "NetworkPolicy", "ConfigMap", "Namespace")

_State = tuple[tuple[int, ...], tuple[tuple[str, bool, str], ...]]


class Resolver:
    """Resolves names for pods: their resolv.conf, the DNS Service, CoreDNS's Corefile."""

    def __init__(
        self,
        world: World,
        backends: Backends,
        policies: Policies,
        state: Callable[[str], PodState | None],
        files: Callable[[Json, str], Mapping[str, str]],
        upstream: bool = True,
    ) -> None:
        """`upstream`: whether the world's name servers can be reached; without them there is no route
        to any, and resolvers give up at once."""
        self._upstream = upstream
        self._store = world.store
        self._clock = world.clock
        self._backends = backends
        self._policies = policies
        self._state = state
        self._files = files
        self._parsed: dict[str, list[corefile.Server] | None] = {}
        self._memo: dict[tuple[str, str], str] = {}
        self._present: _State = ((), ())
        self._until = world.clock.now()

    def resolves(self, pod: Json, name: str) -> str:
        """Return "" when the name resolves for a program in the pod, else why not."""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            pass
        else:
            return OK
        self.state()
        key = (pod["metadata"]["uid"], name)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._look_up(pod, name)
        return found

    def state(self) -> _State:
        """Return what all answers follow from: the versions of objects, and the DNS servers."""
        versions = tuple(map(self._store.version_of, _KINDS))
        now = self._clock.now()
        if versions != self._present[0] or now >= self._until:
            # what DNS servers mount and whether they listen changes without a write
            self._until = now + _MEMORY
            present = versions, self._servers()
            if present != self._present:
                self._present = present
                self._memo.clear()
        return self._present

    def _servers(self) -> tuple[tuple[str, bool, str], ...]:
        """The DNS servers: which pods, whether they listen, and the Corefile that they see."""
        found = []
        for pod, _ in self._backends.of(_NAMESPACE, _SERVICE, _PORT) or ():
            uid = str(pod["metadata"]["uid"])
            state = self._state(uid)
            listens = state is not None and _PORT in state.listening
            found.append((uid, listens, self._corefile(pod)))
        return tuple(found)

    def _look_up(self, pod: Json, name: str) -> str:
        spec = pod["spec"]
        for alias in spec.get("hostAliases") or ():
            if name in (alias.get("hostnames") or ()):
                return OK
        if name == "localhost":
            return OK
        servers, searches, ndots = self._settings(pod)
        if not servers:
            return MISBEHAVING
        candidates = _candidates(name, searches, ndots)
        worst = NO_SUCH_HOST
        for candidate in candidates:
            code = self._ask_all(pod, servers, candidate)
            if code == OK:
                return OK
            if code != NO_SUCH_HOST:
                worst = code
        return worst

    def _settings(self, pod: Json) -> tuple[list[str], list[str], int]:
        """Return the name servers, search domains and ndots of the pod's resolv.conf.

        "cluster" stands for the cluster's DNS, "node" for that of the node.
        """
        spec, namespace = pod["spec"], pod["metadata"]["namespace"]
        config = spec.get("dnsConfig") or {}
        policy = spec.get("dnsPolicy", "ClusterFirst")
        if policy == "ClusterFirst" and spec.get("hostNetwork"):
            policy = "Default"
        servers: list[str] = []
        searches: list[str] = []
        ndots = 1
        if policy in ("ClusterFirst", "ClusterFirstWithHostNet"):
            servers, ndots = ["cluster"], _NDOTS
            searches = [f"{namespace}.svc.{_DOMAIN}", f"svc.{_DOMAIN}", _DOMAIN]
        elif policy == "Default":
            servers = ["node"]
        servers += [str(item) for item in config.get("nameservers") or ()]
        searches += [f"{str(item).rstrip('.')}." for item in config.get("searches") or ()]
        for option in config.get("options") or ():
            if option.get("name") == "ndots" and str(option.get("value", "")).isdigit():
                ndots = int(option["value"])
        return servers, searches, ndots

    def _ask_all(self, pod: Json, servers: list[str], name: str) -> str:
        """Ask one server after the other, until one answers at all."""
        code = TIMEOUT
        for server in servers:
            code = self._ask(pod, server, name)
            if code not in (TIMEOUT, MISBEHAVING):
                return code
        return code

    def _ask(self, pod: Json, server: str, name: str) -> str:
        if server == "node":
            return self._upstream_answer(name)
        service = self._store.get("Service", _NAMESPACE, _SERVICE)
        address = "" if service is None else str(service["spec"].get("clusterIP", ""))
        if server not in ("cluster", address):
            # name servers outside know the world, but not the cluster
            if not self._upstream:
                return MISBEHAVING
            if not _is_reachable(server):
                return TIMEOUT
            return OK if _is_public(name) else NO_SUCH_HOST
        for target, _ in self._backends.reachable(pod, _NAMESPACE, _SERVICE, _PORT) or ():
            if not self._policies.allowed(pod, target, _PORT, "UDP"):
                continue
            state = self._state(target["metadata"]["uid"])
            if state is None or _PORT not in state.listening:
                continue
            return self._coredns(target, name)
        return TIMEOUT

    def _coredns(self, server: Json, name: str) -> str:
        blocks = self._config(server)
        block = None if blocks is None else corefile.answers_for(blocks, name)
        if block is None:
            return MISBEHAVING
        for kind, old, new in block.rewrites:
            name = _rewritten(kind, old, new, name)
        for template in block.templates:
            if corefile.in_zone(name, template.zone) and (
                template.pattern is None or template.pattern.search(name)
            ):
                return {"NXDOMAIN": NO_SUCH_HOST, "NOERROR": NO_SUCH_HOST}.get(
                    template.code, MISBEHAVING
                )
        if name in block.hosts:
            return OK
        for zone in block.kubernetes:
            if corefile.in_zone(name, zone):
                return self._in_cluster(name.removesuffix(zone).rstrip("."))
        if not block.forward:
            return MISBEHAVING
        if any(target.startswith("/") for target in block.forward):
            return self._upstream_answer(name)
        if not any(_is_reachable(target) for target in block.forward):
            return MISBEHAVING
        return OK if _is_public(name) else NO_SUCH_HOST

    def _upstream_answer(self, name: str) -> str:
        """What the nodes' own name servers say of a name outside the cluster.

        A bare name comes here last, after the search domains: resolvers report what this answer was.
        """
        if not self._upstream:
            return MISBEHAVING
        return OK if _is_public(name) else NO_SUCH_HOST

    def _config(self, server: Json) -> list[corefile.Server] | None:
        """Return the Corefile as the CoreDNS pod sees it: the ConfigMap of a minute or so ago."""
        text = self._corefile(server)
        if text not in self._parsed:
            try:
                self._parsed[text] = corefile.parse(text) if text else None
            except corefile.CorefileError:
                self._parsed[text] = None
        return self._parsed[text]

    def _corefile(self, server: Json) -> str:
        for container in server["spec"]["containers"]:
            for path, text in self._files(server, container["name"]).items():
                if path.endswith("/Corefile"):
                    return text
        return ""

    def _in_cluster(self, name: str) -> str:
        """Look up a name without the cluster's domain: service.namespace.svc and its kin."""
        labels = name.split(".")
        if len(labels) < 3 or labels[-1] not in ("svc", "pod"):
            return NO_SUCH_HOST
        if labels[-1] == "pod":
            return OK
        service = self._store.get("Service", labels[-2], labels[-3])
        if service is None:
            return NO_SUCH_HOST
        spec = service["spec"]
        if len(labels) == 3:
            if spec.get("type") == "ExternalName":
                target = f"{str(spec.get('externalName', '')).rstrip('.')}."
                if corefile.in_zone(target, _DOMAIN):
                    return self._in_cluster(target.removesuffix(_DOMAIN).rstrip("."))
                return OK if _is_public(target) else NO_SUCH_HOST
            if spec.get("clusterIP") == "None" and not self._addresses(service):
                return NO_SUCH_HOST
            return OK
        for address in self._addresses(service):
            if address.get("hostname") == labels[0]:
                return OK
            if str(address.get("ip", "")).replace(".", "-") == labels[0]:
                return OK
        return NO_SUCH_HOST

    def _addresses(self, service: Json) -> list[Json]:
        meta = service["metadata"]
        endpoints = self._store.get("Endpoints", meta["namespace"], meta["name"]) or {}
        return [
            address
            for subset in endpoints.get("subsets") or ()
            for address in subset.get("addresses") or ()
        ]


def _candidates(name: str, searches: list[str], ndots: int) -> list[str]:
    if name.endswith("."):
        return [name]
    absolute, relative = [f"{name}."], [f"{name}.{domain}" for domain in searches]
    if name.count(".") >= ndots:
        return [*absolute, *relative]
    return [*relative, *absolute]


def _rewritten(kind: str, old: str, new: str, name: str) -> str:
    plain = name.rstrip(".")
    before, after = old.rstrip("."), new.rstrip(".")
    if kind == "exact" and plain == before:
        return f"{after}."
    if kind == "suffix" and plain.endswith(before):
        return f"{plain.removesuffix(before)}{after}."
    if kind == "prefix" and plain.startswith(before):
        return f"{after}{plain.removeprefix(before)}."
    return name


def _is_public(name: str) -> bool:
    """Whether a name looks like one that the world's DNS knows."""
    labels = name.rstrip(".").split(".")
    return len(labels) >= 2 and labels[-1] in _PUBLIC_SUFFIXES


def _is_reachable(server: str) -> bool:
    """Whether a name server outside the cluster answers: the public resolvers do."""
    return server.split(":")[0].removeprefix("dns://") in (
        "8.8.8.8",
        "8.8.4.4",
        "1.1.1.1",
        "9.9.9.9",
    )
