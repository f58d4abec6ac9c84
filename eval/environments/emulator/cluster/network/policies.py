"""NetworkPolicies: whether a connection between two pods is let through."""

from __future__ import annotations

import ipaddress

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import Key, labels_of
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Store

_Question = tuple[str, str, int, str]


class Policies:
    """Judges connections; answers are remembered until a policy, namespace or label changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._versions: tuple[int, int] = (-1, -1)
        self._known: dict[_Question, bool] = {}
        self._labels: dict[str, dict[str, str]] = {}

    def allowed(self, source: Json | None, target: Json, port: int, protocol: str = "TCP") -> bool:
        """Whether a new connection is let through; no source: from outside the cluster."""
        version = self._store.version_of
        present = (version("NetworkPolicy"), version("Namespace"))
        if present != self._versions:
            self._versions = present
            self._known.clear()
        if not self._store.all("NetworkPolicy"):
            return True
        self._check_labels(source)
        self._check_labels(target)
        key = ("" if source is None else source["metadata"]["uid"], target["metadata"]["uid"])
        question = (*key, port, protocol)
        found = self._known.get(question)
        if found is None:
            found = self._judge(source, target, port, protocol)
            self._known[question] = found
        return found

    def _check_labels(self, pod: Json | None) -> None:
        if pod is None:
            return
        uid, labels = pod["metadata"]["uid"], labels_of(pod)
        if self._labels.get(uid) != labels:
            self._labels[uid] = labels
            self._known.clear()

    def _judge(self, source: Json | None, target: Json, port: int, protocol: str) -> bool:
        if _host_network(target) and (source is None or _host_network(source)):
            return True
        if source is not None and not self._passes("Egress", source, target, port, protocol):
            return False
        return self._passes("Ingress", target, source, port, protocol)

    def _passes(
        self, direction: str, own: Json, other: Json | None, port: int, protocol: str
    ) -> bool:
        """Whether the policies that select `own` let it talk with `other` in one direction."""
        if _host_network(own):
            return True
        namespace = own["metadata"]["namespace"]
        isolated = False
        for policy in self._store.all("NetworkPolicy", namespace):
            spec = policy["spec"]
            if direction not in (spec.get("policyTypes") or ("Ingress",)):
                continue
            if not selector_matches(spec.get("podSelector") or {}, labels_of(own)):
                continue
            isolated = True
            field, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
            at = own if direction == "Ingress" else other
            for rule in spec.get(field) or ():
                if _port_allowed(rule.get("ports"), port, protocol, at) and self._peer_allowed(
                    rule.get(peers), other, namespace
                ):
                    return True
        return not isolated

    def _peer_allowed(self, peers: list[Json] | None, other: Json | None, own: str) -> bool:
        if not peers:
            return True
        return any(self._is_peer(peer, other, own) for peer in peers)

    def _is_peer(self, peer: Json, other: Json | None, own: str) -> bool:
        if "ipBlock" in peer:
            address = "" if other is None else str(other["status"].get("podIP") or "")
            return bool(address) and _in_block(peer["ipBlock"], address)
        if other is None:
            return False
        key: Key = ("", other["metadata"]["namespace"])
        if "namespaceSelector" in peer:
            namespace = self._store.get("Namespace", *key)
            labels = {} if namespace is None else labels_of(namespace)
            if not selector_matches(peer["namespaceSelector"], labels):
                return False
        elif key[1] != own:
            return False
        return "podSelector" not in peer or selector_matches(peer["podSelector"], labels_of(other))


def _host_network(pod: Json) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def _port_allowed(ports: list[Json] | None, port: int, protocol: str, at: Json | None) -> bool:
    if not ports:
        return True
    for item in ports:
        if item.get("protocol", "TCP") != protocol:
            continue
        wanted = item.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str) and not wanted.isdigit():
            if at is not None and _named(at, wanted, protocol) == port:
                return True
        elif int(wanted) <= port <= int(item.get("endPort") or wanted):
            return True
    return False


def _named(pod: Json, name: str, protocol: str) -> int | None:
    for container in pod["spec"]["containers"]:
        for item in container.get("ports") or ():
            if item.get("name") == name and item.get("protocol", "TCP") == protocol:
                return int(item["containerPort"])
    return None


def _in_block(block: Json, address: str) -> bool:
    ip = ipaddress.ip_address(address)
    if ip not in ipaddress.ip_network(block["cidr"], strict=False):
        return False
    return all(
        ip not in ipaddress.ip_network(item, strict=False) for item in block.get("except") or ()
    )
