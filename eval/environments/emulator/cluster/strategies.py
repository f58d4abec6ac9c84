"""What the API server notes in objects beyond plain defaults, when they are made or changed."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone

_GENERATION = "deprecated.daemonset.template.generation"
_EMPTY_STATUS: dict[str, Json] = {"CronJob": {}, "Ingress": {"loadBalancer": {}}}


def prepare(obj: Json, old: Json | None) -> None:
    """Complete a (defaulted) object that is about to be stored. Changes it."""
    kind = obj["kind"]
    if kind in _EMPTY_STATUS and old is None:
        obj["status"] = clone(_EMPTY_STATUS[kind])
    elif kind == "DaemonSet":
        _daemon_set(obj, old)
    elif kind == "LimitRange":
        for item in (obj.get("spec") or {}).get("limits") or ():
            if item.get("type") == "Container":
                _limit(item)


def _daemon_set(obj: Json, old: Json | None) -> None:
    notes = obj["metadata"].get("annotations") or {}
    if old is None:
        number = 1
    else:
        before = (old["metadata"].get("annotations") or {}).get(_GENERATION, "1")
        changed = obj["spec"].get("template") != old["spec"].get("template")
        number = int(before) + int(changed)
    obj["metadata"]["annotations"] = {**notes, _GENERATION: str(number)}


def _limit(item: Json) -> None:
    for source, target in (("max", "default"), ("default", "defaultRequest")):
        for name, amount in (item.get(source) or {}).items():
            item.setdefault(target, {}).setdefault(name, amount)
    for name, amount in (item.get("min") or {}).items():
        item.setdefault("defaultRequest", {}).setdefault(name, amount)
