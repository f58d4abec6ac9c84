"""The columns of the everyday kinds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.more_printers import (
    MORE_PRINTERS,
    OLD_PRINTERS,
    custom_printer,
)
from eval.environments.emulator.cluster.api.pod_printer import pod_cells
from eval.environments.emulator.cluster.api.tables import Printer, age, since
from eval.environments.emulator.cluster.api.workload_printers import (
    autoscaler_cells,
    cron_job_cells,
    daemon_set_cells,
    deployment_cells,
    job_cells,
    labels,
    replica_set_cells,
    replication_controller_cells,
    stateful_set_cells,
)
from eval.environments.emulator.cluster.objects import is_true, labels_of
from eval.environments.emulator.cluster.resources import Resource


def printer_for(resource: Resource, legacy: bool = False) -> Printer:
    """Return the kind's printer, or the plain one (name and creation time)."""
    if resource.custom:
        return custom_printer(resource)
    if legacy and resource.kind in OLD_PRINTERS:
        return OLD_PRINTERS[resource.kind]
    return _PRINTERS.get(resource.kind) or MORE_PRINTERS.get(resource.kind, _PLAIN)


def _columns(text: str) -> tuple[tuple[str, str, int], ...]:
    """Read `Name, Other, *Wide`: a star marks what only `-o wide` shows."""
    found = []
    for part in text.split(", "):
        wide = part.startswith("*")
        name = part.lstrip("*")
        found.append((name, "string", int(wide)))
    return tuple(found)


def _service(obj: Json, now: datetime) -> list[Any]:
    spec = obj["spec"]
    external = "<none>"
    if spec["type"] == "ExternalName":
        external = spec.get("externalName", "")
    elif spec["type"] == "LoadBalancer":
        ingress = (obj.get("status") or {}).get("loadBalancer", {}).get("ingress") or []
        shown = [item.get("ip") or item.get("hostname", "") for item in ingress]
        external = ",".join(shown) or "<pending>"
    ports = [
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}"
        f"/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    ]
    return [
        spec["type"],
        spec.get("clusterIP") or "<none>",
        external,
        ",".join(ports) or "<none>",
        age(obj, now),
        labels(spec.get("selector")),
    ]


def _endpoints(obj: Json, now: datetime) -> list[Any]:
    shown: list[str] = []
    for subset in obj.get("subsets") or ():
        ports: list[Json] = subset.get("ports") or [{}]
        for port in ports:
            for address in subset.get("addresses") or ():
                number = f":{port['port']}" if "port" in port else ""
                shown.append(f"{address['ip']}{number}")
    return [_few(shown), age(obj, now)]


def _few(items: list[str], limit: int = 3) -> str:
    if not items:
        return "<none>"
    more = f" + {len(items) - limit} more..." if len(items) > limit else ""
    return ",".join(items[:limit]) + more


def _slice(obj: Json, now: datetime) -> list[Any]:
    ports = [str(port["port"]) for port in obj.get("ports") or () if port.get("port")]
    addresses = [a for endpoint in obj.get("endpoints") or () for a in endpoint["addresses"]]
    shown = _few(addresses) if addresses else "<unset>"
    return [obj.get("addressType", ""), ",".join(ports) or "<unset>", shown, age(obj, now)]


def _node(obj: Json, now: datetime) -> list[Any]:
    conditions = [
        "Ready" if is_true(obj, "Ready") else "NotReady",
    ]
    if obj["spec"].get("unschedulable"):
        conditions.append("SchedulingDisabled")
    prefix = "node-role.kubernetes.io/"
    roles = sorted(k.removeprefix(prefix) for k in labels_of(obj) if k.startswith(prefix))
    info = obj["status"].get("nodeInfo") or {}
    addresses = {a["type"]: a["address"] for a in obj["status"].get("addresses") or ()}
    return [
        ",".join(conditions),
        ",".join(roles) or "<none>",
        age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info.get("osImage", ""),
        info.get("kernelVersion", ""),
        info.get("containerRuntimeVersion", ""),
    ]


def _event(obj: Json, now: datetime) -> list[Any]:
    involved = obj.get("involvedObject") or {}
    source = obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent") or ""
    shown = ", ".join(filter(None, (component, source.get("host"))))
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    subject = f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"
    return [
        since(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        subject,
        involved.get("fieldPath", ""),
        shown,
        str(obj.get("message", "")).strip(),
        since(first, now),
        series.get("count") or obj.get("count") or 1,
        obj["metadata"]["name"],
    ]


def claim_cells(obj: Json, now: datetime) -> list[Any]:
    """Return the cells of a PersistentVolumeClaim."""
    spec, status = obj["spec"], obj.get("status") or {}
    phase = "Terminating" if "deletionTimestamp" in obj["metadata"] else status.get("phase", "")
    bound = bool(spec.get("volumeName"))
    return [
        phase,
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        "<unset>",
        age(obj, now),
        spec.get("volumeMode", ""),
    ]


def volume_cells(obj: Json, now: datetime) -> list[Any]:
    """Return the cells of a PersistentVolume."""
    spec, status = obj["spec"], obj.get("status") or {}
    claim = spec.get("claimRef")
    phase = "Terminating" if "deletionTimestamp" in obj["metadata"] else status.get("phase", "")
    return [
        (spec.get("capacity") or {}).get("storage", ""),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        phase,
        f"{claim['namespace']}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        "<unset>",
        status.get("reason", ""),
        age(obj, now),
        spec.get("volumeMode", ""),
    ]


def _modes(modes: list[str] | None) -> str:
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return ",".join(short.get(mode, mode) for mode in modes or ())


def quota_cells(obj: Json, now: datetime) -> list[Any]:
    """Return the cells of a ResourceQuota."""
    status = obj.get("status") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((status.get("hard") or {}).items()):
        text = f"{name}: {(status.get('used') or {}).get(name, '0')}/{hard}"
        (limits if name.startswith("limits.") else requests).append(text)
    return [", ".join(requests), ", ".join(limits), age(obj, now)]


def _policy(obj: Json, now: datetime) -> list[Any]:
    selector = obj["spec"].get("podSelector") or {}
    return [labels(selector.get("matchLabels")), age(obj, now)]


def _ingress(obj: Json, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    ingress = (obj.get("status") or {}).get("loadBalancer", {}).get("ingress") or []
    addresses = [item.get("ip") or item.get("hostname", "") for item in ingress]
    return [
        spec.get("ingressClassName") or "<none>",
        _few(hosts) if hosts else "*",
        ",".join(addresses),
        "80, 443" if spec.get("tls") else "80",
        age(obj, now),
    ]


def _budget(obj: Json, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    return [
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        status.get("disruptionsAllowed", 0),
        age(obj, now),
    ]


def _storage_class(obj: Json, now: datetime) -> list[Any]:
    return [
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", ""),
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now),
    ]


def _revision(obj: Json, now: datetime) -> list[Any]:
    owner = next(iter(obj["metadata"].get("ownerReferences") or ()), None)
    kind = {"StatefulSet": "statefulset.apps", "DaemonSet": "daemonset.apps"}
    shown = f"{kind.get(owner['kind'], owner['kind'])}/{owner['name']}" if owner else "<none>"
    return [shown, obj.get("revision", 0), age(obj, now)]


def _plain(obj: Json, now: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp", "")]


def _namespace(obj: Json, now: datetime) -> list[Any]:
    return [(obj.get("status") or {}).get("phase", ""), age(obj, now)]


def _counted(obj: Json, now: datetime) -> list[Any]:
    return [len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, now)]


def _secret(obj: Json, now: datetime) -> list[Any]:
    return [obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)]


def _account(obj: Json, now: datetime) -> list[Any]:
    return [len(obj.get("secrets") or ()), age(obj, now)]


def _lease(obj: Json, now: datetime) -> list[Any]:
    return [(obj.get("spec") or {}).get("holderIdentity", ""), age(obj, now)]


_PLAIN = Printer((("Created At", "date", 0),), _plain)
_PRINTERS: dict[str, Printer] = {
    "Pod": Printer(
        _columns("Ready, Status, Restarts, Age, *IP, *Node, *Nominated Node, *Readiness Gates"),
        pod_cells,
    ),
    "Service": Printer(
        _columns("Type, Cluster-IP, External-IP, Port(s), Age, *Selector"), _service
    ),
    "Endpoints": Printer(_columns("Endpoints, Age"), _endpoints),
    "EndpointSlice": Printer(_columns("AddressType, Ports, Endpoints, Age"), _slice),
    "ConfigMap": Printer(_columns("Data, Age"), _counted),
    "Secret": Printer(_columns("Type, Data, Age"), _secret),
    "ServiceAccount": Printer(_columns("Secrets, Age"), _account),
    "Namespace": Printer(_columns("Status, Age"), _namespace),
    "Node": Printer(
        _columns(
            "Status, Roles, Age, Version, *Internal-IP, *External-IP, *OS-Image,"
            " *Kernel-Version, *Container-Runtime"
        ),
        _node,
    ),
    "Event": Printer(
        _columns(
            "Last Seen, Type, Reason, Object, *Subobject, *Source, Message, *First Seen,"
            " *Count, *Name"
        ),
        _event,
    ),
    "PersistentVolumeClaim": Printer(
        _columns(
            "Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age,"
            " *VolumeMode"
        ),
        claim_cells,
    ),
    "PersistentVolume": Printer(
        _columns(
            "Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass,"
            " VolumeAttributesClass, Reason, Age, *VolumeMode"
        ),
        volume_cells,
    ),
    "ResourceQuota": Printer(_columns("Request, Limit, Age"), quota_cells),
    "Deployment": Printer(
        _columns("Ready, Up-to-date, Available, Age, *Containers, *Images, *Selector"),
        deployment_cells,
    ),
    "ReplicaSet": Printer(
        _columns("Desired, Current, Ready, Age, *Containers, *Images, *Selector"),
        replica_set_cells,
    ),
    "ReplicationController": Printer(
        _columns("Desired, Current, Ready, Age, *Containers, *Images, *Selector"),
        replication_controller_cells,
    ),
    "StatefulSet": Printer(_columns("Ready, Age, *Containers, *Images"), stateful_set_cells),
    "DaemonSet": Printer(
        _columns(
            "Desired, Current, Ready, Up-to-date, Available, Node Selector, Age, *Containers,"
            " *Images, *Selector"
        ),
        daemon_set_cells,
    ),
    "ControllerRevision": Printer(_columns("Controller, Revision, Age"), _revision),
    "Job": Printer(
        _columns("Status, Completions, Duration, Age, *Containers, *Images, *Selector"), job_cells
    ),
    "CronJob": Printer(
        _columns(
            "Schedule, Timezone, Suspend, Active, Last Schedule, Age, *Containers, *Images,"
            " *Selector"
        ),
        cron_job_cells,
    ),
    "HorizontalPodAutoscaler": Printer(
        _columns("Reference, Targets, MinPods, MaxPods, Replicas, Age"), autoscaler_cells
    ),
    "NetworkPolicy": Printer(_columns("Pod-Selector, Age"), _policy),
    "Ingress": Printer(_columns("Class, Hosts, Address, Ports, Age"), _ingress),
    "PodDisruptionBudget": Printer(
        _columns("Min Available, Max Unavailable, Allowed Disruptions, Age"), _budget
    ),
    "StorageClass": Printer(
        _columns("Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age"),
        _storage_class,
    ),
    "Lease": Printer(_columns("Holder, Age"), _lease),
}
