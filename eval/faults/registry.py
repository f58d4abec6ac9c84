"""All kinds of faults, by name."""

from __future__ import annotations

from eval.apps.model import App
from eval.faults.kind import Kind, KindFault
from eval.faults.kinds import (
    access,
    compound,
    configuration,
    containers,
    flags,
    hosts,
    images,
    jobs,
    network,
    probes,
    resources,
    scheduling,
    services,
    storage,
    stores,
    workloads,
)

_FAMILIES = (
    services, workloads, images, configuration, probes, resources, scheduling, storage, network,
    access, stores, flags, hosts, jobs, compound, containers,
)  # fmt: skip

FAULTS: dict[str, Kind] = {kind.kind: kind for family in _FAMILIES for kind in family.KINDS}
"""All kinds by name."""


def fault(kind: str, app: App, seed: int = 0) -> KindFault:
    """Return a fault for an app; `seed` chooses the names that it makes up.

    Raises `ValueError` for an unknown kind.
    """
    if kind not in FAULTS:
        raise ValueError(f'unknown fault "{kind}": {", ".join(FAULTS)}')
    return FAULTS[kind](app, seed)


def targets(kind: str, app: App) -> list[str]:
    """Return the services of an app that a kind of fault fits. Raises `ValueError`."""
    if kind not in FAULTS:
        raise ValueError(f'unknown fault "{kind}": {", ".join(FAULTS)}')
    return FAULTS[kind].targets(app)


def cases(app: App) -> list[tuple[str, str]]:
    """Return all (kind, target) pairs that fit an app."""
    return [(kind, target) for kind in FAULTS for target in targets(kind, app)]
