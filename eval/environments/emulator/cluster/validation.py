"""Validation with the API server's own words, for what people get wrong in practice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import ApiError, invalid
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.selectors import selector_matches

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_RFC1123 = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
_MUTABLE_POD = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_POD_IMMUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
    " (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"
    " (allow it to be set to 1 if it was previously negative)"
)

Causes = list[tuple[str, str, str]]


def validate(resource: Resource, obj: Json, old: Json | None = None) -> None:
    """Raise `ApiError` 422 when the API server would refuse the (defaulted) object."""
    causes: Causes = []
    name = str(obj["metadata"].get("name", ""))
    if old is None and not resource.group.startswith("rbac") and not _SUBDOMAIN.match(name):
        causes.append(
            ("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {_RFC1123}')
        )
    spec = obj.get("spec") or {}
    if resource.custom:
        spec = {}
    elif resource.kind == "Pod":
        _pod_spec(spec, "spec", causes)
        if old is not None and _frozen_pod(spec) != _frozen_pod(old["spec"]):
            causes.append(("FieldValueForbidden", "spec", f"Forbidden: {_POD_IMMUTABLE}\n"))
    elif resource.kind in _TEMPLATED:
        _workload(resource, spec, old, causes)
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


def _service(spec: Json, old: Json | None, causes: Causes) -> None:
    ports = spec.get("ports") or []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        _required("spec.ports", causes)
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        _port(port.get("port"), f"{path}.port", causes)
        target = port.get("targetPort")
        if isinstance(target, int):
            _port(target, f"{path}.targetPort", causes)
        if len(ports) > 1 and not port.get("name"):
            _required(f"{path}.name", causes)
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
