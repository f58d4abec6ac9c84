"""Ephemeral containers: added to a running pod for debugging, never changed or taken away."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import invalid
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.cluster.pod_defaults import container_defaults

EPHEMERAL = "ephemeralcontainers"
_FIELD = "ephemeralContainers"
_PATH = f"spec.{_FIELD}"


def with_ephemeral(old: Json, new: Json) -> Json:
    """Return the stored pod with the ephemeral containers of `new`. Raises `ApiError` 422."""
    wanted: list[Json] = clone((new.get("spec") or {}).get(_FIELD) or [])
    spec = old["spec"]
    before = {item["name"]: item for item in spec.get(_FIELD) or ()}
    names = {
        item["name"] for field in ("initContainers", "containers") for item in spec.get(field) or ()
    }
    causes: list[tuple[str, str, str]] = []
    listed: set[str] = set()
    for index, item in enumerate(wanted):
        container_defaults(item)
        name, at = str(item.get("name") or ""), f"{_PATH}[{index}]"
        if not name:
            causes.append(("FieldValueRequired", f"{at}.name", "Required value"))
        elif name in names or name in listed:
            causes.append(("FieldValueDuplicate", f"{at}.name", f'Duplicate value: "{name}"'))
        if not item.get("image"):
            causes.append(("FieldValueRequired", f"{at}.image", "Required value"))
        listed.add(name)
        if name in before and before[name] != item:
            causes.append(_forbidden(name, "changed"))
    causes += [_forbidden(name, "removed") for name in before if name not in listed]
    if causes:
        raise invalid("", "Pod", old["metadata"]["name"], causes)
    meta = {**old["metadata"]}
    if "managedFields" in new["metadata"]:
        meta["managedFields"] = new["metadata"]["managedFields"]
    return {**clone(old), "metadata": clone(meta), "spec": {**clone(spec), _FIELD: wanted}}


def _forbidden(name: str, what: str) -> tuple[str, str, str]:
    text = f'Forbidden: existing ephemeral containers "{name}" may not be {what}\n'
    return "FieldValueForbidden", _PATH, text
