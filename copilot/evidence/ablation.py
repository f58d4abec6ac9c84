"""Leaves sources out of a snapshot, to see what an investigation is worth without them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from copilot.evidence.kube import ref_of
from copilot.evidence.snapshot import NO_TELEMETRY, Snapshot, revision_of

Part = Literal["logs", "metrics", "traces", "events", "history", "knowledge"]
PARTS: tuple[Part, ...] = ("logs", "metrics", "traces", "events", "history", "knowledge")
"""What can be left out. `traces` are the calls between services, which tracing measures;
`history` the earlier revisions of workloads and what earlier looks found; `knowledge` the search for similar incidents."""


def check(parts: Collection[str]) -> frozenset[str]:
    """Return the parts. Raises `ValueError` for one that there is not."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f'there is no part "{unknown[0]}" to leave out: {", ".join(PARTS)}')
    return frozenset(parts)


def without(snapshot: Snapshot, parts: Collection[str]) -> Snapshot:
    """Return the snapshot as if the parts had not been there to read. Raises `ValueError`."""
    left_out = check(parts)
    objects = {kind: snapshot.of(kind) for kind in snapshot.kinds}
    telemetry, missing = snapshot.telemetry, dict(snapshot.missing)
    if "metrics" in left_out:
        telemetry = NO_TELEMETRY
    if "traces" in left_out:
        telemetry = replace(telemetry, flows=telemetry.served())
    if "events" in left_out:
        objects.pop("Event", None)
        missing["Event"] = "left out"
    if "history" in left_out:
        newest: dict[object, int] = {}
        for item in objects.get("ReplicaSet", ()):
            owner = snapshot.controller(item)
            newest[owner] = max(newest.get(owner, 0), revision_of(item))
        objects["ReplicaSet"] = tuple(
            item
            for item in objects.get("ReplicaSet", ())
            if snapshot.controller(item) == ref_of(item)
            or revision_of(item) == newest[snapshot.controller(item)]
        )
    logs = () if "logs" in left_out else snapshot.logs
    seen = () if "history" in left_out else snapshot.seen
    return Snapshot(
        snapshot.scope, snapshot.now, objects,
        missing=missing, logs=logs, telemetry=telemetry, seen=seen,
    )  # fmt: skip
