"""Programs whose logs turned to errors that name nothing else, where no metric counts their requests.

Errors climb the call graph: the deepest program that logs them is the suspect, and its callers' errors are
what makes them more than noise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from copilot.evidence.analyzers import changed, logclaims, targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import brief, dig
from copilot.evidence.logclock import counts
from copilot.evidence.logscan import LogIssue
from copilot.model.scope import ObjectRef

_KINDS = frozenset({"error", "crash", "upstream_error"})
_ENOUGH = 5
_LASTING = timedelta(seconds=8)
_EDGE = 0.4


def analyze(case: Case) -> Iterator[Clue]:
    """Report the deepest programs that log errors of their own since a while, and whose callers do, too."""
    streams = _streams(case)
    for workload, issues in streams.items():
        below = case.topology.downstream(workload)
        above = case.topology.upstream(workload)
        if any(below.get(w, 0.0) >= _EDGE and w not in above for w in streams if w != workload):
            continue
        callers = [w for w in streams if w != workload and above.get(w, 0.0) >= _EDGE]
        first = min(i.first for i in issues if i.first)
        rolled = _rolled(case, workload, first)
        if not callers or not (rolled or any(i.clean_before for i in issues)):
            continue
        count = sum(i.count for i in issues)
        why = f"it logs errors ({count} since {brief(first)}), and so does {callers[0].name}, which calls it"
        container = issues[0].log.container
        said = Claim(workload, "application.errors", 0.55, why, facts={"container": container})
        told = changed.suspects(case, workload, container, "crash") if rolled else changed.Changed()
        yield case.clue(
            "log.failing",
            workload,
            f"{workload.kind} {workload.name}: {why}",
            [
                *(logclaims.quote(case, i) for i in (*issues[:2], *streams[callers[0]][:1])),
                *told.evidence,
            ],
            weight=0.65,
            onset=rolled or first,
            claims=[said, *(c.times(0.8) for c in told.claims)],
            place=workload,
        )


def _streams(case: Case) -> Mapping[ObjectRef, list[LogIssue]]:
    """Return the workloads that log errors of no named dependency now, and are not measured."""
    measured = {case.wiring.node(flow.service) for flow in case.snapshot.telemetry.served()}
    found: dict[ObjectRef, list[LogIssue]] = defaultdict(list)
    for issue in case.issues:
        if issue.kind not in _KINDS or issue.log.previous or issue.final:
            continue
        if issue.workload in measured or dig(issue.pod, "status.phase") != "Running":
            continue
        target = targets.target(case, issue) if issue.kind == "upstream_error" else None
        if target is None and issue.first and counts(case, issue, None):
            found[issue.workload].append(issue)
    return {workload: issues for workload, issues in found.items() if _lasts(issues)}


def _lasts(issues: list[LogIssue]) -> bool:
    first = min(i.first for i in issues if i.first)
    last = max(i.last for i in issues if i.last)
    return sum(i.count for i in issues) >= _ENOUGH and last - first >= _LASTING


def _rolled(case: Case, workload: ObjectRef, first: datetime) -> datetime | None:
    """Return when the workload was rolled out, if that was within the window and before its errors."""
    found = case.rollout(workload)
    if found is None or not case.snapshot.is_recent(found.at) or found.at is None:
        return None
    return found.at if found.at <= first else None
