"""What the labels of a request metric mean: whose requests they are, who sent them, how they ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.api.values import Json, Series
from copilot.evidence.kube import dig, labels_of, name_of

NAMESPACES = (
    "destination_workload_namespace", "destination_service_namespace", "k8s_namespace_name",
    "service_namespace", "kubernetes_namespace", "exported_namespace", "namespace",
)  # fmt: skip
SERVERS = (
    "destination_workload", "destination_service_name", "server", "service_name",
    "exported_service", "service", "deployment", "app_kubernetes_io_name", "app", "application",
    "envoy_cluster_name", "exported_job", "job",
)  # fmt: skip
PEERS = (
    "peer_service", "net_peer_name", "server_address", "rpc_peer", "upstream", "db_host",
    "dst_service", "dst_deployment", "destination",
)  # fmt: skip
CALLERS = ("source_workload", "client")
STATUS = (
    "status_code", "http_response_status_code", "http_status_code", "response_code", "code",
    "status", "http_status", "envoy_response_code_class", "grpc_code", "rpc_grpc_status_code",
    "grpc_status", "rpc_response_status_code", "outcome", "classification", "result", "error_type",
    "error",
)  # fmt: skip
PODS = ("k8s_pod_name", "kubernetes_pod_name", "exported_pod", "pod", "instance")
"""Labels that tell the pod, an address of it last."""
SCRAPES = frozenset({"exported_job", "job"})
"""Labels that often name how a series was collected, and not whose it is."""
KINDS = ("span_kind", "reporter", "direction", "kind")
LABELS = (*NAMESPACES, *SERVERS, *PEERS, *CALLERS, *STATUS, *KINDS)

_ATTACHED = frozenset({"service", "deployment", "app_kubernetes_io_name", "app", "application"})
"""Labels that a scrape takes over from objects, so that a pod of the same series is the program's own."""
_GRPC = frozenset({"grpc_code", "rpc_grpc_status_code", "grpc_status", "rpc_response_status_code"})
_CLIENT_FAULTS = {"notfound", "invalidargument", "alreadyexists", "cancelled", "canceled",
                  "failedprecondition", "permissiondenied", "unauthenticated", "outofrange", "ok",
                  "0", "1", "3", "5", "6", "7", "9", "11", "16"}  # fmt: skip
_SERVER_FAULTS = {"unavailable", "internal", "deadlineexceeded", "resourceexhausted",
                  "unimplemented", "dataloss", "aborted"}  # fmt: skip
_WORDS = {"statuscodeerror", "error", "failure", "servererror", "true", "failed", "fail",
          "exception", "timeout"}  # fmt: skip
_HTTP = tuple(n for n in STATUS if n.endswith(("status_code", "response_code", "http_status")))


@dataclass(frozen=True, slots=True)
class Key:
    """Whose requests a series counts; `caller` is "" for what the service itself counts."""

    service: str
    caller: str


@dataclass(frozen=True, slots=True)
class Owners:
    """The workloads of pods, by the pods' names and addresses; `names` are those of workloads and Services."""

    pods: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, objects: Mapping[str, Sequence[Json]]) -> Owners:
        """Read them from the objects of a scope, by kind."""
        pods = {name_of(p): _owner(p) for p in objects.get("Pod", ())}
        hosts = {
            str(dig(p, "status.podIP")): pods[name_of(p)]
            for p in objects.get("Pod", ())
            if dig(p, "status.podIP") and not dig(p, "spec.hostNetwork")
        }
        kinds = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service")
        names = {name_of(o) for kind in kinds for o in objects.get(kind, ())}
        return cls(pods, hosts, frozenset({*names, *pods.values()}))

    def at(self, labels: Mapping[str, str]) -> str:
        """Return the workload whose pod the labels name, "" where they name none."""
        for name in PODS[:-1]:
            if labels.get(name):
                return self.pods.get(labels[name]) or program_of(labels[name])
        return self.hosts.get(labels.get("instance", "").rpartition(":")[0], "")


NOBODY = Owners()

_SAFE = "[bcdf-hj-np-tv-xz2-9]"
_GENERATED = re.compile(
    rf"-(?:[a-z0-9]{{8,10}}-[a-z0-9]{{5}}|{_SAFE}{{5,7}}-{_SAFE}{{5}}|[a-z0-9]{{5}}|\d+)$"
)


def program_of(pod: str) -> str:
    """Return the workload's name in a pod's name, without what its controller added."""
    return _GENERATED.sub("", pod)


def used_labels(series: Iterable[Series]) -> list[str]:
    """Return the identifying labels that the series have: enough to ask the same again, shorter."""
    present = {name for item in series for name, value in item.labels.items() if value}
    return [name for name in (*LABELS, *PODS) if name in present]


def is_vague(series: Iterable[Series]) -> bool:
    """Whether some series name no program, only the job that collected them: pods may tell more."""
    telling = set(SERVERS) - SCRAPES
    return any(not telling & {n for n, v in s.labels.items() if v} for s in series)


def is_unknown(labels: Mapping[str, str], owners: Owners) -> bool:
    """Whether the program that a series names is none in the scope, though its pod might be."""
    name = next((n for n in SERVERS if labels.get(n) and n not in SCRAPES), "")
    return (not name or name in _ATTACHED) and short(labels.get(name, "")) not in owners.names


def is_judged(labels: Mapping[str, str]) -> bool:
    """Whether a series says how its requests ended, so that failures can be told."""
    return any(labels.get(name) for name in STATUS)


def short(name: str) -> str:
    """Return the first part of a host or service name."""
    return name.split(":")[0].split(".")[0]


def is_error(labels: Mapping[str, str]) -> bool:
    """Whether the labels of a series say that the server failed."""
    return any(_fails(name, labels[name], labels) for name in STATUS if labels.get(name))


def _fails(name: str, value: str, labels: Mapping[str, str]) -> bool:
    lowered = value.lower().replace("_", "")
    if name in _GRPC:
        return lowered not in _CLIENT_FAULTS
    if name == "envoy_response_code_class":
        return value == "5"
    if value.isdigit():
        number = int(value)
        return (
            number >= 500
            or (name == "status_code" and number == 2)
            or (name == "response_code" and number == 0)
        )
    if name == "error_type":  # an exception's name, unless a status says whose fault it was
        return not any(labels.get(n) for n in _HTTP) and lowered not in ("none", "other", "false")
    if value[0] == "5" and (lowered.endswith("xx") or value.startswith("500-")):
        return True
    return lowered in _WORDS or (name == "code" and lowered in _SERVER_FAULTS)


def key_of(
    labels: Mapping[str, str], namespaces: Sequence[str], owners: Owners = NOBODY
) -> Key | None:
    """Return whose requests a series counts; None for what is counted elsewhere, or not in scope."""
    for name in NAMESPACES:
        if labels.get(name) and namespaces and labels[name] not in namespaces:
            return None
        if labels.get(name):
            break
    if labels.get("reporter") == "source":
        return None  # the same request is counted again at its destination
    if labels.get("envoy_cluster_name"):
        return _of_cluster(labels, owners)
    server = _server(labels, namespaces, owners)
    caller = next((labels[n] for n in CALLERS if labels.get(n)), "")
    peer = next((labels[n] for n in PEERS if labels.get(n)), "")
    kind = labels.get("span_kind", labels.get("kind", "")).upper()
    if kind.endswith(("CLIENT", "PRODUCER")) or labels.get("direction") == "outbound":
        return Key(peer, server) if peer and server else None
    if kind and not kind.endswith(("SERVER", "CONSUMER")):
        return None
    return Key(server, caller) if server else None


def _server(labels: Mapping[str, str], namespaces: Sequence[str], owners: Owners) -> str:
    name = next((n for n in SERVERS if labels.get(n) and n not in SCRAPES), "")
    server = _of_route(labels.get(name, ""), namespaces, owners)
    if owners.names and server and name in _ATTACHED and short(server) not in owners.names:
        at = owners.at(labels)
        return at if at in owners.names else server
    job = next((labels[n] for n in SERVERS if labels.get(n)), "")
    return server or owners.at(labels) or job


def _of_route(name: str, namespaces: Sequence[str], owners: Owners) -> str:
    """Return the Service in an ingress controller's name: "space-name-port@kubernetes", "name.space.port"."""
    if "@" in name:
        name = name.partition("@")[0]
        space = next((s for s in namespaces if name.startswith(f"{s}-")), "")
        name = name.removeprefix(f"{space}-") if space else name
        return name if name in owners.names else name.rpartition("-")[0] or name
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if rest and first in namespaces else name


def _of_cluster(labels: Mapping[str, str], owners: Owners) -> Key | None:
    """Read the cluster of a proxy: "outbound|80||api.shop.svc.cluster.local", or a plain name."""
    own = owners.at(labels) or labels.get("app", "")
    parts = labels["envoy_cluster_name"].split("|")
    if parts[0] == "inbound":
        return Key(own, "") if own else None
    called = parts[-1]
    return Key(called, own) if called and own and short(called) != own else None


def _owner(pod: Json) -> str:
    for owner in dig(pod, "metadata.ownerReferences", []) or []:
        name, digest = str(owner.get("name")), labels_of(pod).get("pod-template-hash", "")
        if owner.get("kind") == "ReplicaSet" and digest:
            return name.removesuffix(f"-{digest}")
        if owner.get("kind") != "Node":
            return name
    return name_of(pod)
