"""All analyzers, in the order in which they are asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

from copilot.evidence.analyzers import (
    amplified,
    backlog,
    bound,
    dependencies,
    drifted,
    failing,
    measured,
    offered,
    platform,
    pods,
    policies,
    remarks,
    replaced,
    routing,
    scaling,
    services,
    settings,
    stalled,
    terminating,
    usage,
    workloads,
    written,
)
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue

ANALYZERS: tuple[Callable[[Case], Iterator[Clue]], ...] = (
    pods.analyze,
    workloads.analyze,
    workloads.strategies,
    services.analyze,
    bound.analyze,
    offered.analyze,
    settings.analyze,
    policies.analyze,
    platform.nodes,
    platform.claims,
    platform.jobs,
    platform.suspended,
    scaling.autoscalers,
    scaling.contested,
    platform.ingresses,
    platform.misrouted,
    platform.evictions,
    platform.rejections,
    routing.policies,
    routing.aliases,
    routing.logged_addresses,
    routing.cut_off,
    routing.cannot_dial,
    routing.queues,
    written.config_maps,
    drifted.changed,
    drifted.gone,
    terminating.analyze,
    dependencies.analyze,
    failing.analyze,
    measured.analyze,
    usage.analyze,
    backlog.queues,
    backlog.workers,
    stalled.waiting,
    stalled.poisoned,
    amplified.analyze,
    replaced.analyze,
    remarks.rollouts,
    remarks.restarts,
    remarks.borrowed_commands,
)


_BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


def examine(case: Case) -> list[Clue]:
    """Ask every analyzer; the first clue of each finding key is kept, later ones add claims.

    Clusters hold objects that nobody foresaw: an analyzer that fails over one is named, by a warning and in
    `case.failures`, and what the others found stands.
    """
    found: dict[str, Clue] = {}
    for analyzer in ANALYZERS:
        try:
            for clue in analyzer(case):
                _keep(found, clue)
        except _BROKEN as error:
            name = f"{analyzer.__module__.rpartition('.')[2]}.{analyzer.__name__}"
            failure = f"analyzer {name}: {type(error).__name__}: {error}"
            case.failures.append(failure)
            warnings.warn(f"{failure}; please report it", RuntimeWarning, stacklevel=2)
    return list(found.values())


def _keep(found: dict[str, Clue], clue: Clue) -> None:
    key = f"{clue.finding.key} {clue.toward or ''}"
    known = found.get(key)
    if known is None:
        found[key] = clue
    elif clue.finding.summary != known.finding.summary:
        found[f"{key} {clue.finding.summary}"] = clue
