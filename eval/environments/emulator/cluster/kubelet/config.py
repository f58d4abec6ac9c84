"""What a container or pod refers to and the namespace does not have."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.store import Store

_KINDS = (("configMap", "ConfigMap", "configmap"), ("secret", "Secret", "secret"))


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


def volume_errors(store: Store, pod: Json) -> list[str]:
    """Return the FailedMount messages for volumes that cannot be set up now."""
    namespace = pod["metadata"]["namespace"]
    errors: list[str] = []
    for volume in pod["spec"].get("volumes") or ():
        why = _missing(store, namespace, volume)
        if why:
            errors.append(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {why}')
    return errors


def _missing(store: Store, namespace: str, volume: Json) -> str:
    sources = [
        ("configMap", "ConfigMap", "configmap", volume.get("configMap"), "name"),
        ("secret", "Secret", "secret", volume.get("secret"), "secretName"),
    ]
    for item in (volume.get("projected") or {}).get("sources") or ():
        sources.append(("configMap", "ConfigMap", "configmap", item.get("configMap"), "name"))
        sources.append(("secret", "Secret", "secret", item.get("secret"), "name"))
    for _, kind, word, source, field in sources:
        if source is None or source.get("optional"):
            continue
        name = source.get(field, "")
        found = store.get(kind, namespace, name)
        if found is None:
            return f'{word} "{name}" not found'
        data = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
        for wanted in source.get("items") or ():
            if wanted.get("key") not in data:
                return f"references non-existent {word if word == 'secret' else 'config'} key: {wanted.get('key')}"
    return ""
