"""Lists of objects as short tables, in the manner of `kubectl get`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from connectors.api.values import Json
from copilot.evidence.kube import condition, dig, name_of, namespace_of, statuses
from copilot.evidence.ledger import event_line
from copilot.evidence.snapshot import event_sort_key

_ROWS = 300


def _pod(obj: Json) -> str:
    found = statuses(obj)
    ready = sum(bool(s.get("ready")) for s in found)
    reasons = [
        str(dig(s, "state.waiting.reason") or dig(s, "state.terminated.reason"))
        for s in (*statuses(obj, init=True), *found)
        if dig(s, "state.waiting.reason") or dig(s, "state.terminated.reason")
    ]
    reasons = [r for r in reasons if r not in ("Completed", "PodInitializing")] or [
        str(dig(obj, "status.reason") or dig(obj, "status.phase", ""))
    ]
    restarts = sum(int(s.get("restartCount", 0)) for s in found)
    total = len(dig(obj, "spec.containers", []) or found)
    return f"{ready}/{total} {reasons[0]} restarts={restarts} node={dig(obj, 'spec.nodeName', '-')}"


def _scaled(obj: Json) -> str:
    return f"{dig(obj, 'status.readyReplicas', 0)}/{dig(obj, 'spec.replicas', 1)} ready"


def _service(obj: Json) -> str:
    ports = [
        f"{p.get('port')}->{p.get('targetPort', p.get('port'))}/{p.get('protocol', 'TCP')}"
        for p in dig(obj, "spec.ports", []) or []
    ]
    selector = ",".join(f"{k}={v}" for k, v in sorted(dig(obj, "spec.selector", {}).items()))
    return f"{dig(obj, 'spec.type', 'ClusterIP')} {' '.join(ports)} selector={selector or '-'}"


def _endpoints(obj: Json) -> str:
    found, waiting = [], 0
    for subset in dig(obj, "subsets", []) or []:
        ports = [p.get("port") for p in subset.get("ports") or []]
        found += [f"{a.get('ip')}:{p}" for a in subset.get("addresses") or [] for p in ports]
        waiting += len(subset.get("notReadyAddresses") or [])
    return f"{','.join(found) or '<none>'}" + (f" not-ready={waiting}" if waiting else "")


def _node(obj: Json) -> str:
    ready = (condition(obj, "Ready") or {}).get("status", "Unknown")
    taints = [
        f"{t.get('key')}={t.get('value', '')}:{t.get('effect')}"
        for t in dig(obj, "spec.taints", []) or []
    ]
    cordoned = " cordoned" if dig(obj, "spec.unschedulable") else ""
    return f"Ready={ready}{cordoned} taints={','.join(taints) or '-'}"


def _job(obj: Json) -> str:
    status = dig(obj, "status", {})
    return " ".join(f"{k}={status[k]}" for k in ("active", "succeeded", "failed") if status.get(k))


def _names(obj: Json) -> str:
    return "keys=" + ",".join(sorted({**dig(obj, "data", {}), **dig(obj, "binaryData", {})}))


def _nothing(obj: Json) -> str:
    return ""


_COLUMNS: dict[str, Callable[[Json], str]] = {
    "Pod": _pod,
    "Deployment": _scaled,
    "ReplicaSet": _scaled,
    "StatefulSet": _scaled,
    "DaemonSet": lambda o: (
        f"{dig(o, 'status.numberReady', 0)}/{dig(o, 'status.desiredNumberScheduled', 0)} ready"
    ),
    "Service": _service,
    "Endpoints": _endpoints,
    "Node": _node,
    "Job": _job,
    "CronJob": lambda o: f"{dig(o, 'spec.schedule', '')} suspend={dig(o, 'spec.suspend', False)}",
    "ConfigMap": _names,
    "PersistentVolumeClaim": lambda o: (
        f"{dig(o, 'status.phase', '')} class={dig(o, 'spec.storageClassName', '-')}"
    ),
    "PersistentVolume": lambda o: (
        f"{dig(o, 'status.phase', '')} class={dig(o, 'spec.storageClassName', '-')}"
    ),
    "NetworkPolicy": lambda o: json.dumps(dig(o, "spec", {}), sort_keys=True),
    "ResourceQuota": lambda o: json.dumps(dig(o, "status", {}), sort_keys=True),
    "LimitRange": lambda o: json.dumps(dig(o, "spec.limits", []), sort_keys=True),
    "Ingress": lambda o: json.dumps(dig(o, "spec.rules", []), sort_keys=True),
}


def table(kind: str, objects: Sequence[Json]) -> str:
    """Return one line per object: namespace/name and what matters of its kind."""
    if kind == "Event":
        return "\n".join(event_line(e) for e in sorted(objects, key=event_sort_key)[-_ROWS:])
    show = _COLUMNS.get(kind, _nothing)
    rows = sorted(f"{namespace_of(o)}/{name_of(o)}  {show(o)}".rstrip() for o in objects)
    if len(rows) > _ROWS:
        rows = [*rows[:_ROWS], f"… and {len(rows) - _ROWS} more"]
    return "\n".join(rows) or "No resources found"
