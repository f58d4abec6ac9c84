"""What a 1.20 cluster holds or says otherwise, beyond fields that its schemas do not know."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.legacy_words import METRIC_VALUE, in_1_20
from eval.environments.emulator.cluster.store import Store

_LATER_LABELS = (
    "kubernetes.io/metadata.name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_LATER_POD_CONDITIONS = ("PodReadyToStartContainers", "DisruptionTarget")
# what the kubelet left out when it gave a pod up
_FORGOTTEN = {
    "DeadlineExceeded": ("conditions",),
    "Evicted": (
        "conditions",
        "hostIP",
        "podIP",
        "podIPs",
        "initContainerStatuses",
        "containerStatuses",
        "qosClass",
    ),
}
_LATER_JOB_CONDITIONS = ("SuccessCriteriaMet", "FailureTarget")
_ACCESS = "kube-api-access-"
_POD_SCOPE = re.compile(r"pod updates may not change fields other than .*", re.S)
_POD_SCOPE_OLD = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    " `spec.initContainers[*].image`, `spec.activeDeadlineSeconds` or `spec.tolerations`"
    " (only additions to existing tolerations)"
)
_LIMIT = re.compile(r"(must be less than or equal to \w+ limit) of [\w.]+")
_JSON_MAP = re.compile(r'Invalid value: (\{"[^{}]*\})')


def as_in_1_20(shown: Json, store: Store) -> Json:
    """Return an object as 1.20 has it. What is changed is copied."""
    meta = shown["metadata"]
    labels = meta.get("labels")
    if labels and any(name in labels for name in _LATER_LABELS):
        shown = {**shown, "metadata": _with_labels(meta, _earlier(labels))}
    change = _CHANGES.get(shown.get("kind", ""))
    return shown if change is None else change(shown, store)


def restored(new: Any, shown: Any, stored: Any) -> Any:
    """Return a changed 1.20 view with what the view hid, from the stored object."""
    if new == shown:
        return stored
    if not (isinstance(new, dict) and isinstance(shown, dict) and isinstance(stored, dict)):
        return new
    result = {
        name: restored(value, shown.get(name), stored.get(name)) for name, value in new.items()
    }
    for name, value in stored.items():
        if name not in shown and name not in new:
            result[name] = value
    return result


def refusal_in_1_20(text: str) -> str:
    """Return an error message in 1.20's words."""
    text = _POD_SCOPE.sub(_POD_SCOPE_OLD, text)
    text = _LIMIT.sub(r"\1", text)
    return _JSON_MAP.sub(lambda match: f"Invalid value: {_go_map(match[1])}", text)


def _go_map(text: str) -> str:
    pairs = ", ".join(f'"{name}":"{value}"' for name, value in json.loads(text).items())
    return f"map[string]string{{{pairs}}}"


def _earlier(labels: Json) -> Json:
    return {name: value for name, value in labels.items() if name not in _LATER_LABELS}


def _with_labels(meta: Json, labels: Json) -> Json:
    rest = {name: value for name, value in meta.items() if name != "labels"}
    return {**rest, "labels": labels} if labels else rest


def _config_map(shown: Json, store: Store) -> Json:
    if shown["metadata"]["name"] != "kube-root-ca.crt":
        return shown
    meta = {k: v for k, v in shown["metadata"].items() if k != "annotations"}
    return {**shown, "metadata": meta}


def _event(shown: Json, store: Store) -> Json:
    for field in ("message", "note"):
        if shown.get(field):
            shown = {**shown, field: in_1_20(shown[field])}
    if series := shown.get("series"):
        # the first repetition counted as one
        shown = {**shown, "series": {**series, "count": series["count"] - 1}}
    return shown


def _service(shown: Json, store: Store) -> Json:
    # dual stack was behind a gate
    later = ("ipFamilies", "ipFamilyPolicy")
    return {**shown, "spec": {k: v for k, v in shown["spec"].items() if k not in later}}


def _ungenerated(shown: Json) -> Json:
    meta = {k: v for k, v in shown["metadata"].items() if k != "generation"}
    return {**shown, "metadata": meta}


def _job(shown: Json, store: Store) -> Json:
    spec, status = dict(shown["spec"]), dict(shown.get("status") or {})
    matched = (spec.get("selector") or {}).get("matchLabels") or {}
    uid = matched.get("batch.kubernetes.io/controller-uid")
    if uid:
        labels = _earlier(matched)
        spec["selector"] = {"matchLabels": {"controller-uid": uid, **labels}}
    meta = spec["template"].get("metadata") or {}
    labels = _earlier(meta.get("labels") or {})
    spec["template"] = {**spec["template"], "metadata": _with_labels(meta, labels)}
    if status.get("conditions"):
        status["conditions"] = [
            {k: v for k, v in item.items() if item["type"] != "Complete" or k not in _WORDS}
            for item in status["conditions"]
            if item["type"] not in _LATER_JOB_CONDITIONS
        ]
    result = _ungenerated({**shown, "spec": spec})
    if not result["metadata"].get("labels") and labels:
        result["metadata"]["labels"] = labels
    return {**result, "status": status}


_WORDS = ("reason", "message")


def _cron_job(shown: Json, store: Store) -> Json:
    return _ungenerated(shown)


def _autoscaler(shown: Json, store: Store) -> Json:
    status = {k: v for k, v in (shown.get("status") or {}).items() if k != "observedGeneration"}
    meta = shown["metadata"]
    notes = {
        name: METRIC_VALUE.sub("", value) if name.startswith("autoscaling.") else value
        for name, value in (meta.get("annotations") or {}).items()
    }
    named = {**shown, "metadata": {**meta, "annotations": notes} if notes else meta}
    return _ungenerated({**named, "status": status})


def _pod(shown: Json, store: Store) -> Json:
    """Show the service account's token as a mounted Secret: projected tokens came later."""
    spec = shown["spec"]
    shown = {**shown, "status": _pod_status(shown.get("status") or {})}
    volumes = spec.get("volumes") or []
    access = next((v["name"] for v in volumes if v["name"].startswith(_ACCESS)), None)
    if access is None:
        return shown
    namespace = shown["metadata"]["namespace"]
    account = store.get("ServiceAccount", namespace, spec.get("serviceAccountName", "default"))
    secrets = (account or {}).get("secrets") or [{}]
    token = secrets[0].get("name") or f"default-token-{access.removeprefix(_ACCESS)}"
    changed = dict(spec)
    changed["volumes"] = [
        {"name": token, "secret": {"secretName": token, "defaultMode": 420}}
        if volume["name"] == access
        else volume
        for volume in volumes
    ]
    for field in ("containers", "initContainers"):
        if field in spec:
            changed[field] = [_mounted(item, access, token) for item in spec[field]]
    return {**shown, "spec": changed}


def _pod_status(status: Json) -> Json:
    changed = dict(status)
    if status.get("conditions"):
        changed["conditions"] = [
            _pod_condition(item, status)
            for item in status["conditions"]
            if item["type"] not in _LATER_POD_CONDITIONS
        ]
    for field in ("initContainerStatuses", "containerStatuses"):
        if field in status:
            changed[field] = [_container_status(item, status) for item in status[field]]
    return _without(changed, _FORGOTTEN.get(status.get("reason", ""), ()))


def _without(status: Json, fields: Sequence[str]) -> Json:
    return {name: value for name, value in status.items() if name not in fields}


def _pod_condition(item: Json, status: Json) -> Json:
    if item.get("reason") == "PodFailed":
        names = [c["name"] for c in status.get("containerStatuses") or () if not c["ready"]]
        message = f"containers with unready status: [{' '.join(names)}]"
        return {**item, "reason": "ContainersNotReady", "message": message}
    return {**item, "message": in_1_20(item["message"])} if item.get("message") else item


def _container_status(item: Json, status: Json) -> Json:
    if status.get("reason") == "DeadlineExceeded":
        item = _without(item, ("started",))
    return {**item, "state": _state(item["state"]), "lastState": _state(item["lastState"])}


def _state(state: Json) -> Json:
    return {
        kind: {**found, "message": in_1_20(found["message"])} if "message" in found else found
        for kind, found in state.items()
    }


def _mounted(container: Json, access: str, token: str) -> Json:
    mounts = [
        {**mount, "name": token} if mount["name"] == access else mount
        for mount in container.get("volumeMounts") or ()
    ]
    return {**container, "volumeMounts": mounts} if mounts else container


_CHANGES: dict[str, Callable[[Json, Store], Json]] = {
    "ConfigMap": _config_map,
    "Event": _event,
    "Pod": _pod,
    "Service": _service,
    "Job": _job,
    "CronJob": _cron_job,
    "HorizontalPodAutoscaler": _autoscaler,
}
