"""Evaluates NetworkPolicies: may these pods talk to those, on this port?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.kube import (
    dig,
    labels_of,
    matches_label_selector,
    name_of,
    namespace_of,
    pod_spec,
)
from copilot.evidence.ports import resolve_in_pod


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection: a pod (or a template of one) with its namespace's labels."""

    namespace: str
    labels: dict[str, str]
    namespace_labels: dict[str, str]
    ip: str
    spec: Json

    @classmethod
    def of(cls, pod: Json, namespaces: Sequence[Json]) -> Peer:
        """Make a peer of a pod."""
        namespace = namespace_of(pod)
        found = next((labels_of(n) for n in namespaces if name_of(n) == namespace), {})
        known = {"kubernetes.io/metadata.name": namespace, **found}
        return cls(
            namespace, labels_of(pod), known, str(dig(pod, "status.podIP", "")), pod_spec(pod)
        )


def blocking(
    policies: Sequence[Json], source: Peer, destination: Peer, port: int | None
) -> list[Json]:
    """Return the policies that together block a connection; [] when it is allowed.

    A pod that some policy selects for a direction may do only what one of its policies allows.
    """
    inward = [p for p in policies if applies(p, destination, "Ingress")]
    if inward and not any(
        _allows(p, "ingress", "from", source, destination, destination, port) for p in inward
    ):
        return inward
    outward = [p for p in policies if applies(p, source, "Egress")]
    if outward and not any(
        _allows(p, "egress", "to", destination, source, destination, port) for p in outward
    ):
        return outward
    return []


def blocks_names(policies: Sequence[Json], source: Peer) -> list[Json]:
    """Return the policies that keep a pod from asking for names (port 53); [] if it may."""
    outward = [p for p in policies if applies(p, source, "Egress")]
    for policy in outward:
        for rule in dig(policy, "spec.egress", []) or []:
            ports = rule.get("ports") or []
            if not ports or any(p.get("port") in (53, "dns", "dns-tcp", None) for p in ports):
                return []
    return outward


def applies(policy: Json, peer: Peer, direction: str) -> bool:
    """Whether a policy selects a pod for "Ingress" or "Egress"."""
    if namespace_of(policy) != peer.namespace:
        return False
    types = dig(policy, "spec.policyTypes") or (
        ["Ingress", "Egress"] if dig(policy, "spec.egress") else ["Ingress"]
    )
    return direction in types and matches_label_selector(
        dig(policy, "spec.podSelector", {}), peer.labels
    )


def _allows(
    policy: Json,
    key: str,
    peers_key: str,
    other: Peer,
    owner: Peer,
    destination: Peer,
    port: int | None,
) -> bool:
    for rule in dig(policy, f"spec.{key}", []) or []:
        peers, ports = rule.get(peers_key) or [], rule.get("ports") or []
        if peers and not any(_is_peer(item, other, owner.namespace) for item in peers):
            continue
        if not ports or port is None or any(_is_port(item, destination, port) for item in ports):
            return True
    return False


def _is_peer(item: Json, peer: Peer, own_namespace: str) -> bool:
    block = item.get("ipBlock")
    if block:
        return _in_block(block, peer.ip)
    if "namespaceSelector" in item:
        if not matches_label_selector(item.get("namespaceSelector"), peer.namespace_labels):
            return False
    elif peer.namespace != own_namespace:
        return False
    return "podSelector" not in item or matches_label_selector(item.get("podSelector"), peer.labels)


def _in_block(block: Json, ip: str) -> bool:
    try:
        address = ipaddress.ip_address(ip)
        if address not in ipaddress.ip_network(str(block.get("cidr")), strict=False):
            return False
        return not any(
            address in ipaddress.ip_network(str(c), strict=False) for c in block.get("except") or []
        )
    except ValueError:
        return True  # an unknown address is not held against the policy


def _is_port(item: Json, destination: Peer, port: int) -> bool:
    wanted = item.get("port")
    if item.get("protocol", "TCP") != "TCP":
        return False
    if wanted is None:
        return True
    number = resolve_in_pod(wanted, destination.spec)
    if number is None:
        return False
    end = item.get("endPort")
    return number <= port <= int(end) if end else number == port
