"""The entities of an incident: what objects count as, and how they hang together.

A workload, its pods and its Service are one entity, the service. Any other object is one by its kind and name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from eval.apps.model import App
from eval.measures.ntam import chain_score, ntam
from eval.protocols import Expected

_PARTS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Service", "Endpoints")
_HASH = re.compile(r"-[a-z0-9]{5,10}(-[a-z0-9]{5})?$|-\d+$")


def entity(app: App, text: str) -> str:
    """Return the entity of "Kind/namespace/name", "Kind/name" or a service's bare name."""
    *place, name = text.split("/")
    kind = place[0] if place else ""
    if kind and kind not in _PARTS:
        return f"{kind}/{name}"
    if name in app.services:
        return name
    owner = _HASH.sub("", name)
    return owner if owner in app.services else name


def entities(app: App, texts: Iterable[str]) -> tuple[str, ...]:
    """Return the entities of several objects, each once, in order."""
    return tuple(dict.fromkeys(entity(app, text) for text in texts))


def true_roots(app: App, expected: Sequence[Expected]) -> tuple[str, ...]:
    """Return the entities of the root causes, one for each fault."""
    return entities(app, [str(link.object) for each in expected for link in each.chain[:1]])


def true_chain(app: App, expected: Sequence[Expected]) -> tuple[str, ...]:
    """Return the entities of the true propagation chain, the root causes first."""
    rest = [str(link.object) for each in expected for link in each.chain[1:]]
    return tuple(dict.fromkeys((*true_roots(app, expected), *entities(app, rest))))


def same_roots(app: App, expected: Sequence[Expected], named: Sequence[str]) -> tuple[str, ...]:
    """Return `named`, with each object that counts as a root cause, too, as the chain's own root."""
    roots: dict[str, str] = {}
    for each in expected:
        for link in each.chain[:1]:
            for other in each.objects:
                roots[entity(app, str(other))] = entity(app, str(link.object))
    return tuple(dict.fromkeys(roots.get(name, name) for name in named))


def topology(app: App, expected: Sequence[Expected]) -> dict[str, list[str]]:
    """Return the edges: who calls whom, who mounts or reads what, and the true chains themselves."""
    edges: dict[str, list[str]] = {}
    for service in app.services.values():
        near = edges.setdefault(service.name, [])
        near += [call.to for call in service.calls()]
        near += list(service.logins)
        for mount in service.mounts:
            if mount.config_map:
                near.append(f"ConfigMap/{mount.config_map}")
            if mount.secret:
                near.append(f"Secret/{mount.secret}")
            if mount.claim:
                near.append(f"PersistentVolumeClaim/{mount.claim}")
        near += [f"Secret/{value.secret}" for value in service.secret_env.values()]
    for each in expected:
        names = entities(app, [str(link.object) for link in each.chain])
        for one, other in pairwise(names):
            edges.setdefault(one, []).append(other)
    return edges


@dataclass(frozen=True, slots=True)
class Nearness:
    """ITBench's two measures of one answer, 0 to 1, and F1 of the chain's links; None: nothing to compare."""

    localization: float | None = None
    chain: float | None = None
    links: float | None = None


def nearness(
    app: App, expected: Sequence[Expected], named: Sequence[str], told: Sequence[str]
) -> Nearness:
    """Compare the objects named as root causes, and the chain told, with the true ones.

    Both are None on a healthy app; the chain is None for an answer that tells none.
    """
    roots, chain = true_roots(app, expected), true_chain(app, expected)
    if not roots:
        return Nearness()
    edges = topology(app, expected)
    mine = same_roots(app, expected, entities(app, named))
    place = round(ntam(mine, roots, edges, decay=1.0), 4)
    if not told:
        return Nearness(place)
    path = same_roots(app, expected, entities(app, told))
    links = chain_score(list(pairwise(path)), list(pairwise(chain)))
    return Nearness(place, round(ntam(path, chain, edges), 4), round(links, 4))
