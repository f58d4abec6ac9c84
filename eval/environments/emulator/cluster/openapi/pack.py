"""Makes the packaged schemas from Kubernetes' published OpenAPI definitions (Apache-2.0).

Run as `python -m eval.environments.emulator.cluster.openapi.pack SOURCE.json TARGET.json.xz`, where
SOURCE is a `swagger.json` or a JSON schema file with `$defs`. Only what the served kinds need is
kept.
"""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.resources import resources_of

_EXTRA = {
    ("", "v1", "Binding"),
    ("", "v1", "DeleteOptions"),
    ("", "v1", "Status"),
    ("autoscaling", "v1", "Scale"),
    ("policy", "v1", "Eviction"),
    ("policy", "v1beta1", "Eviction"),
    ("authentication.k8s.io", "v1", "TokenRequest"),
}
_TYPES = "x-kubernetes-group-version-kind"
_PREFIXES = ("#/$defs/", "#/definitions/")
_SPECIAL = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"format": "int-or-string"},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {},
}


def pack(definitions: dict[str, Any], legacy: bool) -> bytes:
    """Return the definitions that the served kinds need, compressed."""
    wanted = {(r.group, r.version, r.kind) for r in resources_of(legacy)} | _EXTRA
    queue = [name for name, item in definitions.items() if _types(item) & wanted]
    kept: dict[str, Any] = {}
    while queue:
        name = queue.pop()
        if name not in kept:
            kept[name] = _plain(name, definitions[name], wanted)
            queue.extend(_references(kept[name]))
    text = json.dumps(dict(sorted(kept.items())), separators=(",", ":"), sort_keys=True)
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def _types(item: Json) -> set[tuple[str, str, str]]:
    return {(t["group"], t["version"], t["kind"]) for t in item.get(_TYPES) or ()}


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return found + [name for item in value.values() for name in _references(item)]
    return []


def _plain(name: str, item: Json, wanted: set[tuple[str, str, str]]) -> Json:
    if name in _SPECIAL:
        return {"type": "string", **_SPECIAL[name]}
    plain: Json = _stripped(item)
    if _TYPES in item:
        plain[_TYPES] = [
            t for t in item[_TYPES] if (t["group"], t["version"], t["kind"]) in wanted
        ] or item[_TYPES][:1]
    return plain


def _stripped(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    result: Json = {}
    for name, item in value.items():
        if name == "properties":
            result[name] = {field: _stripped(below) for field, below in item.items()}
        elif name == "type":
            result[name] = next(t for t in item if t != "null") if isinstance(item, list) else item
        elif name == "$ref":
            result[name] = item.removeprefix(_PREFIXES[0]).removeprefix(_PREFIXES[1])
        elif name not in (
            "enum",
            "x-kubernetes-unions",
            "oneOf",
            "additionalProperties",
            _TYPES,
        ) or (name == "additionalProperties" and isinstance(item, dict)):
            result[name] = _stripped(item)
    return result


def main() -> None:
    """Read the arguments and write the file."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    read = json.loads(source.read_text())
    definitions = read.get("definitions") or read["$defs"]
    target.write_bytes(pack(definitions, legacy="1.20" in target.name))


if __name__ == "__main__":
    main()
