"""Whether what an answer names is there: an object that never was is a hallucination."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from connectors.api.errors import ConnectorError
from eval.protocols import Environment

_LISTED = ("Deployment", "StatefulSet", "DaemonSet", "Service", "Pod", "ConfigMap", "Secret", "PersistentVolumeClaim")  # fmt: skip
_DELETED = ("ResourceQuota", "LimitRange", "NetworkPolicy", "HorizontalPodAutoscaler", "Job", "ServiceAccount")  # fmt: skip
_EVERYWHERE = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "PersistentVolume", "PriorityClass")  # fmt: skip


async def names_of(environment: Environment) -> frozenset[str]:
    """Return the names of what is there, as far as a repair might delete it."""
    known = {str(item["metadata"]["name"]) for item in environment.deployed}
    space = environment.namespace
    for kind in (*_LISTED, *_DELETED, *_EVERYWHERE):
        # a cluster may lack a kind; what is there of it is then asked for by name
        with contextlib.suppress(ConnectorError):
            found = await environment.reader.list(kind, None if kind in _EVERYWHERE else space)
            known |= {str(item["metadata"]["name"]) for item in found}
    return frozenset(known)


async def made_up(
    environment: Environment, named: Iterable[str], before: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Return those of `named` that neither are nor were: "Kind/namespace/name", or bare names.

    What was deployed, or was there `before`, counts though somebody deleted it, and so does a pod whose
    owner is there.
    """
    asked = list(dict.fromkeys(named))
    if not asked:
        return ()
    known = before | await names_of(environment)
    return tuple([name for name in asked if not await _is(environment, name, known)])


async def _is(environment: Environment, text: str, known: frozenset[str]) -> bool:
    *place, name = text.split("/")
    if name in known:
        return True
    if not place:
        return False
    kind, namespace = place[0], place[1] if len(place) > 1 else ""
    if kind in ("Pod", "ReplicaSet"):
        return any(name.startswith(f"{owner}-") for owner in known)
    try:
        await environment.reader.get(kind, namespace, name)
    except ConnectorError:
        return False
    return True
