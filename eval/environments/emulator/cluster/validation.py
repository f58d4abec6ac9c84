"""Validation with the API server's own words, for what people get wrong in practice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import ApiError, invalid
from eval.environments.emulator.cluster.labels import (
    SUBDOMAIN_WORDS,
    Causes,
    check_metadata,
    is_subdomain,
)
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.selectors import selector_matches

_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
_MUTABLE_POD = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_POD_IMMUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
    " (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"
    " (allow it to be set to 1 if it was previously negative)"
)


def validate(resource: Resource, obj: Json, old: Json | None = None) -> None:
    """Raise `ApiError` 422 when the API server would refuse the (defaulted) object."""
    causes: Causes = []
    name = str(obj["metadata"].get("name", ""))
    if old is None and not resource.group.startswith("rbac") and not is_subdomain(name):
        causes.append(
            ("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {SUBDOMAIN_WORDS}')
        )
    meta = obj["metadata"]
    before = {} if old is None else old["metadata"]
    if any(meta.get(field) != before.get(field) for field in ("labels", "annotations")):
        check_metadata(meta, "metadata", causes)
    spec = obj.get("spec") or {}
    if resource.custom:
        spec = {}
    elif resource.kind == "Pod":
        _pod_spec(spec, "spec", causes)
        if old is not None and _frozen_pod(spec) != _frozen_pod(old["spec"]):
            causes.append(("FieldValueForbidden", "spec", f"Forbidden: {_POD_IMMUTABLE}\n"))
    elif resource.kind in _TEMPLATED:
        _workload(resource, spec, old, causes)
    elif resource.kind == "Job":
        _job(spec, old, causes)
    elif resource.kind == "Service":
        _service(spec, old, causes)
    elif resource.kind in ("ConfigMap", "Secret") and old is not None and old.get("immutable"):
        for field in ("data", "binaryData", "immutable"):
            if obj.get(field) != old.get(field):
                causes.append(
                    (
                        "FieldValueForbidden",
                        field,
                        "Forbidden: field is immutable when `immutable` is set",
                    )
                )
    if causes:
        raise _error(resource, name, causes)


def _error(resource: Resource, name: str, causes: Causes) -> ApiError:
    return invalid(resource.group, resource.kind, name, causes)


def _required(path: str, causes: Causes, text: str = "") -> None:
    causes.append(("FieldValueRequired", path, "Required value" + (f": {text}" if text else "")))


def _workload(resource: Resource, spec: Json, old: Json | None, causes: Causes) -> None:
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        _required("spec.selector", causes)
    if not selector or not selector_matches(selector, labels):
        causes.append(
            (
                "FieldValueInvalid",
                "spec.template.metadata.labels",
                f"Invalid value: {_go_map(labels)}: `selector` does not match template `labels`",
            )
        )
    replicas = spec.get("replicas", 0)
    if isinstance(replicas, int) and replicas < 0:
        causes.append(
            (
                "FieldValueInvalid",
                "spec.replicas",
                f"Invalid value: {replicas}: must be greater than or equal to 0",
            )
        )
    claims = {item["metadata"].get("name") for item in spec.get("volumeClaimTemplates") or ()}
    _pod_spec(template.get("spec") or {}, "spec.template.spec", causes, claims)
    if old is not None and old["spec"].get("selector") != selector:
        shown = json.dumps(selector, separators=(",", ":"))
        causes.append(
            ("FieldValueInvalid", "spec.selector", f"Invalid value: {shown}: field is immutable")
        )


def _job(spec: Json, old: Json | None, causes: Causes) -> None:
    if old is None:
        pod = (spec.get("template") or {}).get("spec") or {}
        _pod_spec(pod, "spec.template.spec", causes)
        if pod.get("restartPolicy") not in ("OnFailure", "Never"):
            path = "spec.template.spec.restartPolicy"
            _required(path, causes, 'valid values: "OnFailure", "Never"')
        if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
            _required("spec.completions", causes, "when completion mode is Indexed")


def _service(spec: Json, old: Json | None, causes: Causes) -> None:
    ports = spec.get("ports") or []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        _required("spec.ports", causes)
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            _required(f"{path}.name", causes)
        _port(port.get("port"), f"{path}.port", causes)
        target = port.get("targetPort")
        if isinstance(target, int):
            _port(target, f"{path}.targetPort", causes)
    if old is not None:
        before, after = old["spec"].get("clusterIP"), spec.get("clusterIP")
        if before and before != after and spec.get("type") != "ExternalName":
            causes.append(
                (
                    "FieldValueInvalid",
                    "spec.clusterIPs[0]",
                    f"Invalid value: {json.dumps([after] if after else None)}: may not change once set",
                )
            )


def _pod_spec(spec: Json, path: str, causes: Causes, claims: Set[str | None] = frozenset()) -> None:
    containers = spec.get("containers") or []
    if not containers:
        _required(f"{path}.containers", causes)
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()} | claims
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            at = f"{path}.{field}[{index}]"
            name = str(container.get("name") or "")
            if not name:
                _required(f"{at}.name", causes)
            elif name in seen:
                causes.append(("FieldValueDuplicate", f"{at}.name", f'Duplicate value: "{name}"'))
            seen.add(name)
            _container(container, at, volumes, causes)


def _container(container: Json, at: str, volumes: Set[str | None], causes: Causes) -> None:
    if not container.get("image"):
        _required(f"{at}.image", causes)
    for index, port in enumerate(container.get("ports") or ()):
        _port(port.get("containerPort"), f"{at}.ports[{index}].containerPort", causes)
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            causes.append(
                (
                    "FieldValueNotFound",
                    f"{at}.volumeMounts[{index}].name",
                    f'Not found: "{mount.get("name")}"',
                )
            )
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is not None and quantity(amount) > quantity(limit):
            causes.append(
                (
                    "FieldValueInvalid",
                    f"{at}.resources.requests",
                    f'Invalid value: "{amount}": must be less than or equal to {name} limit of {limit}',
                )
            )


def _port(value: object, path: str, causes: Causes) -> None:
    if value is None:
        _required(path, causes)
    elif not isinstance(value, int) or not 1 <= value <= 65535:
        causes.append(
            (
                "FieldValueInvalid",
                path,
                f"Invalid value: {value}: must be between 1 and 65535, inclusive",
            )
        )


def _frozen_pod(spec: Json) -> Json:
    frozen = {name: value for name, value in spec.items() if name not in _MUTABLE_POD}
    for field in ("containers", "initContainers"):
        if field in frozen:
            frozen[field] = [{**container, "image": ""} for container in frozen[field]]
    return frozen


def _go_map(labels: Mapping[str, str]) -> str:
    return json.dumps(labels, sort_keys=True, separators=(",", ":"))
