"""What an analyzer works on: the snapshot, what follows from it, and the ledger to quote into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from connectors.api.values import Json
from copilot.evidence.changes import Change, Rollout, changed_at, rollout
from copilot.evidence.clues import Claim, Clue, one_line
from copilot.evidence.kube import created, dig, parse_time
from copilot.evidence.ledger import Ledger
from copilot.evidence.logscan import LogIssue, scan
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.telemetry import Flow
from copilot.evidence.topology import Topology
from copilot.evidence.wiring import Wiring
from copilot.model.diagnosis import Finding, Severity
from copilot.model.scope import ObjectRef
from copilot.tools.past import Past


class Case:
    """One investigation's material. Derived parts are computed once, when first asked for.

    `failures` names the analyzers that could not do their work, and why.
    """

    def __init__(self, snapshot: Snapshot, ledger: Ledger) -> None:
        self.snapshot = snapshot
        self.ledger = ledger
        self.failures: list[str] = []
        self._rollouts: dict[ObjectRef, Rollout | None] = {}

    @property
    def now(self) -> datetime:
        """The time of the investigation."""
        return self.snapshot.now

    @cached_property
    def issues(self) -> list[LogIssue]:
        """What the logs say."""
        return scan(self.snapshot)

    @cached_property
    def past(self) -> Past:
        """What earlier looks found."""
        return Past(self.snapshot.seen, self.snapshot.get, self.snapshot.knows)

    @cached_property
    def wiring(self) -> Wiring:
        """Configured addresses."""
        return Wiring(self.snapshot, self.issues)

    @cached_property
    def topology(self) -> Topology:
        """Who calls whom."""
        return Topology(self.snapshot, self.wiring.edges())

    @cached_property
    def outgoing(self) -> Mapping[ObjectRef, Sequence[Flow]]:
        """The measured calls by the workload that makes them."""
        found: dict[ObjectRef, list[Flow]] = defaultdict(list)
        for flow in self.snapshot.telemetry.edges():
            caller = self.wiring.node(flow.caller)
            if caller is not None:
                found[caller].append(flow)
        return found

    def rollout(self, workload: ObjectRef) -> Rollout | None:
        """Return what the present revision of a workload changed."""
        if workload not in self._rollouts:
            self._rollouts[workload] = rollout(self.snapshot, self.ledger, workload)
        return self._rollouts[workload]

    def changes(self, workload: ObjectRef, *fields: str, container: str = "") -> list[Change]:
        """Return the changes of the present revision to the given fields, of this period only."""
        found = self.rollout(workload)
        if found is None or found.reverts or not self.snapshot.is_known_period(found.at):
            return []
        return [
            change
            for change in found.changes
            if (not fields or change.field in fields)
            and (not container or change.container in ("", container))
        ]

    def changed_at(self, ref: ObjectRef) -> datetime | None:
        """Return when an object was last changed, if that was in this period."""
        moment = changed_at(self.snapshot, ref)
        return moment if self.snapshot.is_known_period(moment) else None

    def depended_on(self, workload: ObjectRef) -> list[ObjectRef]:
        """Return who calls a workload, through its Services or directly."""
        found: set[ObjectRef] = set()
        for node in (workload, *self.services_for(workload)):
            found.update(c for c in self.topology.callers(node) if c.kind != "Service")
        return sorted(found - {workload})

    def services_for(self, workload: ObjectRef) -> list[ObjectRef]:
        """Return the Services that lead to a workload, existing or not."""
        callers = self.topology.callers(workload)
        return sorted(
            {*self.snapshot.services_of(workload), *(c for c in callers if c.kind == "Service")}
        )

    def is_starting(self, pod: Json, status: Json | None, grace: float = 30.0) -> bool:
        """Whether a pod (or one container of it) is still within a normal start."""
        began = created(pod)
        if status is not None:
            if int(status.get("restartCount", 0)) > 0:
                return False
            began = parse_time(dig(status, "state.running.startedAt")) or began
        return bool(began and self.now - began < timedelta(seconds=grace))

    def clue(
        self,
        code: str,
        about: ObjectRef,
        summary: str,
        evidence: Sequence[str],
        *,
        weight: float = 1.0,
        severity: Severity | None = None,
        onset: datetime | None = None,
        claims: Sequence[Claim] = (),
        place: ObjectRef | None = None,
        toward: ObjectRef | None = None,
        local: bool = False,
    ) -> Clue:
        """Make a clue; severity follows from the weight unless it is given."""
        if severity is None:
            severity = (
                Severity.CRITICAL
                if weight >= 0.8
                else Severity.WARNING
                if weight > 0
                else Severity.INFO
            )
        finding = Finding(
            code=code,
            object=about,
            severity=severity,
            summary=one_line(summary),
            evidence=tuple(dict.fromkeys(evidence)),
            onset=onset,
            supports=tuple(dict.fromkeys(claim.cause for claim in claims)),
        )
        return Clue(finding, weight, place or about, tuple(claims), toward, local)
