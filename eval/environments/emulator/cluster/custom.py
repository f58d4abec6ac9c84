"""What the API server fills in to a CustomResourceDefinition."""

from __future__ import annotations

from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import invalid
from eval.environments.emulator.cluster.objects import rfc3339


def established(definition: Json, now: datetime) -> None:
    """Complete a new definition, and accept its names. Raises `ApiError` 422. Changes it."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    expected = f"{names.get('plural', '')}.{spec.get('group', '')}"
    name = definition["metadata"]["name"]
    if name != expected:
        message = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        raise invalid(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            name,
            [("FieldValueInvalid", "metadata.name", message)],
        )
    if not spec.get("versions"):
        # the old beta names one version only
        old = {"name": spec.pop("version", "v1"), "served": True, "storage": True}
        validation = spec.pop("validation", None)
        spec["versions"] = [{**old, "schema": validation} if validation else old]
    names.setdefault("singular", str(names["kind"]).lower())
    names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    stamp = rfc3339(now)
    definition["status"] = {
        "conditions": [
            {
                "type": "NamesAccepted",
                "status": "True",
                "lastTransitionTime": stamp,
                "reason": "NoConflicts",
                "message": "no conflicts found",
            },
            {
                "type": "Established",
                "status": "True",
                "lastTransitionTime": stamp,
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
            },
        ],
        "acceptedNames": dict(names),
        "storedVersions": [v["name"] for v in spec["versions"] if v.get("storage")],
    }
