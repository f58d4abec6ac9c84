"""References that lead nowhere: to the object or key of nearly that name, or to what was applied."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.kube import containers, dig, is_true
from copilot.evidence.repairs.common import (
    BACK,
    POD,
    READY,
    WORKLOADS,
    Facts,
    Row,
    concerned,
    escaped,
    joined,
    peers,
)
from copilot.model.action import Risk, SetField
from copilot.model.scope import ObjectRef

_NEAR = 0.75


def reference(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Put a lost key back, or let the workload refer to the object or key of nearly that name."""
    kind, name, key = (str(facts.get(k, "")) for k in ("kind", "name", "key"))
    own = ref.kind == "ConfigMap"
    if ref.kind not in WORKLOADS:
        # What is missing may be named itself; it is its users that refer to it.
        users = concerned(case, ref, facts)
        users.sort(key=lambda user: any(is_true(p, "Ready") for p in case.snapshot.pods(user)))
        ref = users[0] if users else ref
    if not name:
        # Of a key that a volume wants the kubelet tells neither object nor path.
        key = key or str(facts.get("missing", "")).removeprefix("key ").partition(" of ")[0]
        name = _holder(case, ref, kind, key)
    obj = case.snapshot.get(ObjectRef(kind, ref.namespace, name)) if name else None
    if not key:
        others = [n for n in case.snapshot.names(kind, ref.namespace) if n != name]
        near = difflib.get_close_matches(name, others, 1, _NEAR)
        if near and obj is None:
            yield from _everywhere(case, ref, kind, name, near[0])
        return
    before = dig(declared(obj or {}) or {}, "data", {}) or {}
    if kind == "ConfigMap" and key in before:
        yield (
            f"Put key {key} of ConfigMap {name} back as it was applied",
            SetField(ObjectRef(kind, ref.namespace, name), f"/data/{escaped(key)}", json.dumps(before[key]),
                     _reader(ref)),
            Risk.LOW,
            "Remove it again.",
            READY,
        )  # fmt: skip
    present = [*(dig(obj or {}, "data", {}) or {})]
    if own and obj is not None:
        # The ConfigMap was edited, and not who reads it: what was renamed gets its name back.
        alike = difflib.get_close_matches(key, present, 1, 0.6)
        yield from _renamed(ref, obj, name, key, alike[0]) if alike else ()
    keys = [*present, *_read_by_others(case, ref, name)]
    stem = [k for k in keys if k.partition(".")[0] == key.partition(".")[0]]
    near = difflib.get_close_matches(key, keys, 1, 0.6) or stem[: len(stem) == 1]
    near = near or keys[: len(keys) == 1]
    if near:
        rows = list(_keys(case, ref, name, key, near[0]))
        yield from rows
        stems = {k.partition(".")[0] for k in (key, near[0])}
        if not rows and kind == "ConfigMap" and len(stems) == 1:
            yield from _renamed(ref, obj or {}, name, key, near[0])


def _renamed(ref: ObjectRef, config: Json, name: str, old: str, new: str) -> Iterator[Row]:
    """Give a key its old name back, where the ConfigMap is mounted as a whole: a program opens it as a file."""
    text = (dig(config, "data", {}) or {}).get(new)
    if text is None:
        return
    if old.endswith(".json"):
        try:
            json.loads(text)
        except ValueError:
            return
    yield (
        f"Put key {old} of ConfigMap {name} back, with what {new} says",
        SetField(ObjectRef("ConfigMap", ref.namespace, name), f"/data/{escaped(old)}", json.dumps(text),
                 _reader(ref)),
        Risk.LOW,
        "Remove it again.",
        READY,
    )  # fmt: skip


def _reader(ref: ObjectRef) -> str:
    """Return what to restart: the workload that a cause is about, "" where it is about none."""
    return f"{ref.kind}/{ref.name}" if ref.kind in WORKLOADS else ""


def _read_by_others(case: Case, ref: ObjectRef, name: str) -> list[str]:
    """Return the keys of an object that ready neighbours read: of a Secret only its name may be known."""
    asked = [
        dig(item, f"valueFrom.{of_key}", {}) or {}
        for owner, peer in peers(case, ref)
        if any(is_true(pod, "Ready") for pod in case.snapshot.pods(owner))
        for item in peer.get("env") or []
        for of_key in ("secretKeyRef", "configMapKeyRef")
    ]
    return sorted({str(a.get("key")) for a in asked if a.get("name") == name})


def _holder(case: Case, ref: ObjectRef, kind: str, key: str) -> str:
    """Return the object of which a volume wants a key, "" without one."""
    source, named = ("secret", "secretName") if kind == "Secret" else ("configMap", "name")
    return next(
        (
            str(volume[source].get(named, ""))
            for volume in case.snapshot.spec(ref).get("volumes") or []
            if any(i.get("key") == key for i in dig(volume, f"{source}.items", []) or [])
        ),
        "",
    )


def _everywhere(case: Case, ref: ObjectRef, kind: str, old: str, new: str) -> Iterator[Row]:
    paths = [path for path, name in _references(case.snapshot.spec(ref), kind) if name == old]
    if paths:
        changes = tuple(SetField(ref, f"{POD}{path}", json.dumps(new)) for path in paths)
        yield (
            f"Let {ref.kind} {ref.name} use {kind} {new} in place of {old}",
            joined(ref, changes),
            Risk.LOW,
            BACK,
            READY,
        )


def _references(spec: Json, kind: str) -> Iterator[tuple[str, str]]:
    """Yield (path, name) of every reference to objects of a kind."""
    source, of_key, from_all = (
        ("secret", "secretKeyRef", "secretRef")
        if kind == "Secret"
        else ("configMap", "configMapKeyRef", "configMapRef")
    )
    named = "secretName" if kind == "Secret" else "name"
    for number, volume in enumerate(spec.get("volumes") or []):
        if source in volume:
            yield f"/volumes/{number}/{source}/{named}", str(volume[source].get(named))
    for group in ("containers", "initContainers"):
        for n, container in enumerate(spec.get(group) or []):
            for i, item in enumerate(container.get("env") or []):
                name = dig(item, f"valueFrom.{of_key}.name")
                if name:
                    yield f"/{group}/{n}/env/{i}/valueFrom/{of_key}/name", str(name)
            for i, item in enumerate(container.get("envFrom") or []):
                if from_all in item:
                    name = str(item[from_all].get("name"))
                    yield f"/{group}/{n}/envFrom/{i}/{from_all}/name", name


def _keys(case: Case, ref: ObjectRef, name: str, old: str, new: str) -> Iterator[Row]:
    """Ask for another key, in variables and in the items of volumes."""
    spec = case.snapshot.spec(ref)
    paths = []
    for n, container in enumerate(containers(spec)):
        for i, item in enumerate(container.get("env") or []):
            for of_key in ("secretKeyRef", "configMapKeyRef"):
                asked = dig(item, f"valueFrom.{of_key}", {}) or {}
                if asked.get("name") == name and asked.get("key") == old:
                    paths.append(f"/containers/{n}/env/{i}/valueFrom/{of_key}/key")
    for n, volume in enumerate(spec.get("volumes") or []):
        for source in ("configMap", "secret"):
            for i, item in enumerate(dig(volume, f"{source}.items", []) or []):
                if item.get("key") == old:
                    paths.append(f"/volumes/{n}/{source}/items/{i}/key")
    if paths:
        changes = tuple(SetField(ref, f"{POD}{path}", json.dumps(new)) for path in paths)
        yield (
            f"Let {ref.kind} {ref.name} read key {new} in place of {old}",
            joined(ref, changes),
            Risk.LOW,
            BACK,
            READY,
        )
