"""The effect of a write, as a person reads it."""

from __future__ import annotations

import difflib

import yaml

from connectors.api.values import Json
from copilot.tools.redact import redact

_NOISE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def object_diff(before: Json, after: Json) -> str:
    """Return a unified diff of two states of an object, without status and bookkeeping, redacted.

    An empty string means that nothing changes.
    """
    name = f"{before['kind']}/{before['metadata']['name']}"
    lines = difflib.unified_diff(
        _text(before), _text(after), f"{name} (now)", f"{name} (after)", lineterm="", n=2
    )
    return redact("\n".join(lines))


def _text(body: Json) -> list[str]:
    metadata = {k: v for k, v in body.get("metadata", {}).items() if k not in _NOISE}
    shown = {**body, "metadata": metadata}
    shown.pop("status", None)
    return yaml.safe_dump(shown, sort_keys=True, default_flow_style=False).splitlines()
