"""Which objects, and which of their words, are a fault itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from connectors.api.values import Json
from eval.faults.changes import (
    Add,
    Administer,
    Change,
    Edit,
    Finalize,
    NamespaceLabel,
    Poison,
    Remove,
    Restart,
    Scenery,
    SecretValue,
    Wait,
)
from eval.faults.cluster_changes import CordonNodes, Crowd, DnsAnswer, EndJobs, Reclaim, TaintNodes
from tests.eval.faults.rounds import Snapshot


def touched(change: Change, before: Snapshot) -> set[tuple[str, str]]:
    """The objects that a change itself is about."""
    match change:
        case Edit() | Finalize() | Remove() | Add():
            return {(change.kind, change.name)}
        case SecretValue():
            return {("Secret", change.secret)}
        case Reclaim():
            volumes = {key for key in before if key[0] == "PersistentVolume"}
            return {("PersistentVolumeClaim", change.claim), *volumes}
        case TaintNodes() | CordonNodes():
            return {key for key in before if key[0] == "Node"}
        case Crowd():
            return {("Deployment", change.name), ("PriorityClass", change.priority_class)}
        case NamespaceLabel():
            return {key for key in before if key[0] == "Namespace"}
        case Scenery():
            return touched(change.change, before)
        case Restart() | Administer() | Poison() | Wait() | DnsAnswer() | EndJobs():
            return set()
        case _:
            raise AssertionError(f"unknown change {change}")


def words(texts: Iterable[str]) -> set[str]:
    """The words in names, labels and annotations; what has digits in it is a hash or a number."""
    found = re.split(r"[^a-z0-9]+", " ".join(texts).lower())
    return {word for word in found if len(word) > 2 and word.isalpha()}


def texts_of(item: Json) -> Iterator[str]:
    """An object's name, and its labels and annotations, those that its pods get too."""
    template = (item.get("spec") or {}).get("template") or {}
    for metadata in (item.get("metadata") or {}, template.get("metadata") or {}):
        yield str(metadata.get("name", ""))
        for field in ("labels", "annotations"):
            for key, value in (metadata.get(field) or {}).items():
                yield key
                yield str(value)


def own_words(changes: Iterable[Change], before: Snapshot) -> set[str]:
    """The words that come or go because the fault is what it is: those of the objects that it adds or
    removes, and those of the labels and annotations that it edits."""
    found: set[str] = set()
    for change in changes:
        inner = change.change if isinstance(change, Scenery) else change
        if isinstance(inner, Edit):
            old = before.get((inner.kind, inner.name))
            if old is not None:
                broken = json.loads(json.dumps(old))
                inner.breaks(broken)
                found |= words(texts_of(old)) ^ words(texts_of(broken))
        elif isinstance(inner, Add):
            found |= words(texts_of(dict(inner.body)))
        elif isinstance(inner, Remove | Finalize):
            found |= words(texts_of(before.get((inner.kind, inner.name), {})))
        elif isinstance(inner, Crowd):
            found |= words((inner.name, inner.priority_class))
        elif isinstance(inner, NamespaceLabel):
            found |= words((inner.key, inner.value))
    return found
