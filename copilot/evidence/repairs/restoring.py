"""Putting back what an earlier look at the cluster found: objects that are gone, and what they said."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.analyzers.written import only_at_start, uses
from copilot.evidence.case import Case
from copilot.evidence.kube import dig, ref_of
from copilot.evidence.repairs.common import BACK, READY, Facts, Row, escaped, joined
from copilot.model.action import CreateObject, Risk, SetField
from copilot.model.history import Seen
from copilot.model.scope import ObjectRef
from copilot.tools.past import since


def as_before(case: Case, cause: str, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Put back what a cause took away or changed, where an earlier look found it."""
    if cause in ("workload.missing", "service.missing", "storage.claim_missing"):
        yield from missing(case, ref, facts)
    elif cause == "config.configmap_missing":
        yield from referred(case, ref, facts)
    elif cause in ("config.value_wrong", "config.feature_flag"):
        yield from contents(case, ref, facts)


def missing(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Create an object that is gone as it was."""
    before = case.past.before(ref)
    if before is None or not before.whole or case.snapshot.get(ref) is not None:
        return
    yield (
        f"Create {ref.kind} {ref.name} again, as it was {since(before, case.now)}",
        CreateObject(ref, json.dumps(before.manifest, sort_keys=True)),
        Risk.LOW,
        "Delete it again.",
        READY if ref.kind != "Service" else f"Callers of {ref.name} reach it.",
    )


def referred(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Put back a ConfigMap, or a key of one, that a workload refers to."""
    name, key = str(facts.get("name", "")), str(facts.get("key", ""))
    if facts.get("kind") != "ConfigMap":
        return
    for before in [*case.past.changed(), *case.past.gone()]:
        config = before.object
        if config.kind != "ConfigMap" or config.namespace != ref.namespace:
            continue
        if case.snapshot.get(config) is None and config.name == name:
            yield from missing(case, config, facts)
        elif key in (dig(dict(before.manifest), "data", {}) or {}) and (
            name == config.name or (not name and uses(case, ref, config))
        ):
            yield from _keys(case, before, [key])


def contents(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Put back what a ConfigMap said."""
    before = case.past.before(ref)
    now = case.snapshot.get(ref)
    if ref.kind != "ConfigMap" or before is None or now is None:
        return
    old, new = (dig(dict(o), "data", {}) or {} for o in (before.manifest, now))
    yield from _keys(case, before, [key for key in sorted(old) if old[key] != new.get(key)])


def _keys(case: Case, before: Seen, keys: list[str]) -> Iterator[Row]:
    if not keys or not before.whole:
        return
    ref, data = before.object, before.manifest["data"]
    stale = [
        ref_of(w)
        for w in case.snapshot.workloads
        if uses(case, ref_of(w), ref) and only_at_start(case, ref_of(w), ref)
    ]
    restarts = f"{stale[0].kind}/{stale[0].name}" if stale else ""
    steps = tuple(
        SetField(ref, f"/data/{escaped(key)}", json.dumps(data[key]), restarts * (key == keys[-1]))
        for key in keys
    )
    if not dig(case.snapshot.get(ref) or {}, "data"):
        lost = json.dumps({key: data[key] for key in keys}, sort_keys=True)
        steps = (SetField(ref, "/data", lost, restarts),)
    yield (
        f"Put {', '.join(keys[:3])} of ConfigMap {ref.name} back as it was {since(before, case.now)}",
        joined(ref, steps),
        Risk.LOW,
        BACK,
        READY,
    )
