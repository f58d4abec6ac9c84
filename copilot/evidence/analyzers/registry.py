"""All analyzers, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from copilot.evidence.analyzers import (
    dependencies,
    measured,
    platform,
    pods,
    policies,
    remarks,
    replaced,
    routing,
    services,
    settings,
    workloads,
    written,
)
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue

ANALYZERS: tuple[Callable[[Case], Iterator[Clue]], ...] = (
    pods.analyze,
    workloads.analyze,
    services.analyze,
    settings.analyze,
    policies.analyze,
    platform.nodes,
    platform.claims,
    platform.jobs,
    platform.autoscalers,
    platform.ingresses,
    platform.evictions,
    routing.policies,
    routing.aliases,
    routing.logged_addresses,
    routing.cut_off,
    routing.queues,
    written.config_maps,
    dependencies.analyze,
    measured.analyze,
    replaced.analyze,
    remarks.rollouts,
    remarks.restarts,
    remarks.borrowed_commands,
)


def examine(case: Case) -> list[Clue]:
    """Ask every analyzer; the first clue of each finding key is kept, later ones add claims."""
    found: dict[str, Clue] = {}
    for analyzer in ANALYZERS:
        for clue in analyzer(case):
            key = f"{clue.finding.key} {clue.toward or ''}"
            known = found.get(key)
            if known is None:
                found[key] = clue
            elif clue.finding.summary != known.finding.summary:
                found[f"{key} {clue.finding.summary}"] = clue
    return list(found.values())
