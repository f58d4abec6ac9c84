"""What NetworkPolicies allow, worked out from their text; no packet is sent."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.api.values import Json
from copilot.tools.kube_words import name_of

Direction = Literal["Ingress", "Egress"]
_PEER = {"Ingress": "from", "Egress": "to"}


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection: a pod's namespace, its labels, its namespace's labels, its address."""

    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


def of_pod(pod: Json, namespace_labels: Mapping[str, str] | None = None) -> Peer:
    """Return the end of a connection that a pod is."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    namespace = metadata.get("namespace", "")
    # Since Kubernetes 1.21 each namespace carries its name as a label.
    labels = {"kubernetes.io/metadata.name": namespace, **(namespace_labels or {})}
    return Peer(namespace, metadata.get("labels") or {}, labels, status.get("podIP", ""))


def selecting(policies: Sequence[Json], peer: Peer, direction: Direction) -> list[Json]:
    """Return the policies that isolate `peer` in `direction`."""
    return [
        policy
        for policy in policies
        if (policy.get("metadata") or {}).get("namespace") == peer.namespace
        and direction in _types(policy)
        and selected((policy.get("spec") or {}).get("podSelector") or {}, peer.labels)
    ]


def allows(
    policies: Sequence[Json],
    peer: Peer,
    other: Peer | None,
    direction: Direction,
    port: int,
    protocol: str = "TCP",
    port_name: str = "",
) -> tuple[bool, list[str]]:
    """Say whether `peer` may talk with `other` (None: with nobody in particular).

    Returns the names of the isolating policies too; without any, all is allowed.
    """
    isolating = selecting(policies, peer, direction)
    names = [name_of(policy) for policy in isolating]
    if not isolating:
        return True, []
    for policy in isolating:
        rules = (policy.get("spec") or {}).get(direction.lower()) or []
        for rule in rules:
            if _port(rule.get("ports"), port, protocol, port_name) and _peer(
                rule.get(_PEER[direction]), other, peer.namespace
            ):
                return True, names
    return False, names


def selected(selector: Json, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector picks `labels`; the empty one picks everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_expression(item, labels) for item in selector.get("matchExpressions") or [])


def _expression(item: Json, labels: Mapping[str, str]) -> bool:
    key, operator, values = item["key"], item["operator"], item.get("values") or []
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    wanted: bool = operator == "Exists"
    return (key in labels) == wanted


def _types(policy: Json) -> Sequence[str]:
    spec = policy.get("spec") or {}
    return spec.get("policyTypes") or (["Ingress", "Egress"] if "egress" in spec else ["Ingress"])


def _port(ports: Sequence[Json] | None, number: int, protocol: str, name: str) -> bool:
    if not ports:
        return True
    for item in ports:
        wanted = item.get("port")
        if item.get("protocol", "TCP") != protocol:
            continue
        last = item.get("endPort")
        if wanted is None or wanted == number or (name and wanted == name):
            return True
        if isinstance(wanted, int) and last is not None and wanted <= number <= last:
            return True
    return False


def _peer(peers: Sequence[Json] | None, other: Peer | None, namespace: str) -> bool:
    if not peers:
        return True
    return other is not None and any(_one(item, other, namespace) for item in peers)


def _one(item: Json, other: Peer, namespace: str) -> bool:
    block = item.get("ipBlock")
    if block:
        if not other.address:
            return False
        address = ipaddress.ip_address(other.address)
        inside = address in ipaddress.ip_network(block["cidr"], strict=False)
        return inside and not any(
            address in ipaddress.ip_network(text, strict=False)
            for text in block.get("except") or []
        )
    spaces, pods = item.get("namespaceSelector"), item.get("podSelector")
    if spaces is None:
        if other.namespace != namespace:
            return False
    elif not selected(spaces, other.namespace_labels):
        return False
    return pods is None or selected(pods, other.labels)
