"""What containers take from ConfigMaps, Secrets and the pod itself: environment and references."""

from __future__ import annotations

import base64
import binascii
import re

from connectors.api.values import Json
from eval.environments.emulator.cluster.store import Store

_KINDS = (("configMap", "ConfigMap", "configmap"), ("secret", "Secret", "secret"))
_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_][A-Za-z0-9_.-]*)\))")


def config_error(store: Store, namespace: str, container: Json) -> str:
    """Return the kubelet's words for the first missing reference of the environment, or ""."""
    for source in container.get("envFrom") or ():
        for field, kind, word in _KINDS:
            reference = source.get(f"{field}Ref")
            if reference is None or reference.get("optional"):
                continue
            if store.get(kind, namespace, reference.get("name", "")) is None:
                return f'{word} "{reference.get("name", "")}" not found'
    for variable in container.get("env") or ():
        origin = variable.get("valueFrom") or {}
        for field, kind, word in _KINDS:
            reference = origin.get(f"{field}KeyRef")
            if reference is None or reference.get("optional"):
                continue
            name, key = reference.get("name", ""), reference.get("key", "")
            found = store.get(kind, namespace, name)
            if found is None:
                return f'{word} "{name}" not found'
            if key not in (found.get("data") or {}) and key not in (found.get("binaryData") or {}):
                return f"couldn't find key {key} in {kind} {namespace}/{name}"
    return ""


def environment(store: Store, pod: Json, container: Json, ip: str) -> dict[str, str]:
    """Return the variables that a container starts with, references to others expanded."""
    namespace = pod["metadata"]["namespace"]
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        for field, kind, _ in _KINDS:
            reference = source.get(f"{field}Ref")
            if reference is not None:
                obj = store.get(kind, namespace, reference.get("name", ""))
                prefix = source.get("prefix", "")
                found.update({prefix + key: value for key, value in contents(obj).items()})
    for variable in container.get("env") or ():
        value = _value(store, namespace, pod, container, variable, ip)
        if value is not None:
            found[variable["name"]] = _expand(value, found)
    return found


def contents(obj: Json | None) -> dict[str, str]:
    """Return the values of a ConfigMap or Secret, decoded."""
    if obj is None:
        return {}
    if obj["kind"] == "Secret":
        return {key: _decode(value) for key, value in (obj.get("data") or {}).items()}
    binary = {key: _decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return {**{key: str(value) for key, value in (obj.get("data") or {}).items()}, **binary}


def pod_field(pod: Json, path: str, ip: str = "") -> str:
    """Return what the downward API says of a field of the pod."""
    meta, spec = pod["metadata"], pod["spec"]
    node_ip = str(pod["status"].get("hostIP") or "")
    plain = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": ip,
        "status.podIPs": ip,
        "status.hostIP": node_ip,
        "status.hostIPs": node_ip,
    }
    if path in plain:
        return str(plain[path])
    match = re.match(r"metadata\.(labels|annotations)(?:\['([^']*)'\])?$", path)
    if match is None:
        return ""
    values = meta.get(match[1]) or {}
    if match[2] is not None:
        return str(values.get(match[2], ""))
    return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))


def _value(
    store: Store, namespace: str, pod: Json, container: Json, variable: Json, ip: str
) -> str | None:
    origin = variable.get("valueFrom")
    if not origin:
        return str(variable.get("value") or "")
    for field, kind, _ in _KINDS:
        reference = origin.get(f"{field}KeyRef")
        if reference is not None:
            obj = store.get(kind, namespace, reference.get("name", ""))
            return contents(obj).get(reference.get("key", ""))
    if "fieldRef" in origin:
        return pod_field(pod, origin["fieldRef"].get("fieldPath", ""), ip)
    if "resourceFieldRef" in origin:
        section, _, name = str(origin["resourceFieldRef"].get("resource", "")).partition(".")
        return str(((container.get("resources") or {}).get(section) or {}).get(name, "0"))
    return ""


def _expand(value: str, known: dict[str, str]) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return known.get(match[2], match[0])

    return _REFERENCE.sub(one, value)


def _decode(value: object) -> str:
    try:
        return base64.b64decode(str(value)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
