"""The last revision of a Deployment that did not have what is wrong, also several rollouts ago."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from copilot.evidence.case import Case
from copilot.evidence.kube import created, pod_spec
from copilot.evidence.snapshot import revision_of
from copilot.model.scope import ObjectRef
from copilot.tools.manifests import diff

_NEVER = datetime.max.replace(tzinfo=UTC)
ANY = ("",)
"""Fields: whatever changed."""


def touches(path: str, fields: Collection[str]) -> bool:
    """Whether a changed path of a pod spec is of the given fields."""
    parts = path.split("/")
    if tuple(fields) == ANY or parts[0] == "initContainers":
        return True
    return (parts[2] if parts[0] == "containers" and len(parts) > 2 else parts[0]) in fields


def last_without(case: Case, ref: ObjectRef, fields: Collection[str]) -> int:
    """Return the newest revision that differs in `fields` from all after it, 0 where there is none.

    A restart, or a second attempt, after the bad rollout makes revisions that are as bad as it. The
    first of the bad ones must be of this period; after a roll-back there is nothing to go back to.
    """
    sets = case.snapshot.replica_sets(ref)
    if len(sets) < 3 or (created(sets[0]) or _NEVER) < (created(sets[1]) or _NEVER):
        return 0
    now, since = pod_spec(sets[0]), created(sets[0])
    for item in sets[1:]:
        if any(touches(path, fields) for path, _, _ in diff(pod_spec(item), now)):
            return revision_of(item) if case.snapshot.is_known_period(since) else 0
        since = created(item)
    return 0
