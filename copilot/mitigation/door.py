"""The one door for writes.

typed action → policy → server-side dry run → approval → lock → apply → verify → commit, or undo.
The order follows STRATUS' transactional no-regression rule (arXiv 2506.02009): one writer, a
faithful undo for every write, a bounded window, and a commit only if the system is no worse.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from connectors.api.errors import ConnectorError
from connectors.api.protocols import ClusterReader, ClusterWriter
from copilot.mitigation.ledger import Entry, Ledger, Proposal
from copilot.mitigation.plans import DELETE, Plan, plan, plans
from copilot.mitigation.policy import Policy
from copilot.mitigation.rollout import unfinished
from copilot.mitigation.verify import Outcome, Symptoms, Verification, symptoms_of, verify
from copilot.mitigation.writes import Writes, inverse
from copilot.model.action import Action, Mitigation, Restart, SetField, parts
from copilot.model.clock import Clock
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import ActionError, ApprovalError, CopilotError
from copilot.model.events import ActionFinished, ActionProgress, ApprovalGiven, Event
from copilot.model.scope import ObjectRef
from copilot.tools.wrap import wrapped

_VALID = timedelta(minutes=30)
_LOCK = timedelta(minutes=20)


class Door:
    """Proposes writes and, once a person has approved, carries them out."""

    def __init__(
        self,
        reader: ClusterReader,
        writer: ClusterWriter,
        ledger: Ledger,
        clock: Clock,
        symptoms: Symptoms,
        *,
        policy: Policy | None = None,
        verification: Verification | None = None,
    ) -> None:
        self._reader, self._ledger, self._clock = reader, ledger, clock
        self._writes = Writes(writer, reader, clock)
        self._symptoms = symptoms
        self._policy = policy or Policy()
        self._verification = verification or Verification()

    async def propose(self, session: str, diagnosis: Diagnosis, mitigation: Mitigation) -> Proposal:
        """Dry-run a mitigation on the server and remember it for approval.

        Raises `PolicyError`, `ActionError` (it does not fit, or changes nothing), `ForbiddenError`.
        """
        self._policy.check(mitigation.action, diagnosis.scope)
        with wrapped():
            planned = await plans(mitigation.action, self._reader, self._clock.now())
            for one in planned:
                self._policy.check_size(one.object, one.do, one.before)
            diff = await self._writes.dry_run(planned)
        if not diff:
            raise ActionError(f"{mitigation.title}: this would change nothing")
        proposal = Proposal(
            f"ap-{secrets.token_hex(4)}",
            session,
            mitigation,
            diagnosis.scope,
            diff,
            symptoms_of(diagnosis, mitigation),
        )
        now = self._clock.now()
        self._ledger.add(proposal, now, now + _VALID)
        return proposal

    async def decide(self, approval: str, *, approved: bool, by: str) -> AsyncIterator[Event]:
        """Carry out a decision; yields its progress and ends with `ActionFinished` if approved.

        Raises `ApprovalError` when the approval is unknown, used or expired.
        """
        entry = self._ledger.entry(approval)
        now = self._clock.now()
        if entry.state != "proposed":
            raise ApprovalError(
                f"approval {approval} is {entry.state}", hint="investigate again for a new proposal"
            )
        if now > entry.expires_at:
            raise ApprovalError(
                f"approval {approval} has expired", hint="investigate again for a new proposal"
            )
        if not approved:
            self._step(entry, "proposed", "declined", by)
            yield ApprovalGiven(approval, False, by)
            return
        self._policy.check(entry.proposal.mitigation.action, entry.proposal.scope)
        targets = sorted({str(part.object) for part in parts(entry.proposal.mitigation.action)})
        held: list[str] = []
        try:
            for target in targets:
                if not self._ledger.lock(target, approval, now, now + _LOCK):
                    raise ApprovalError(
                        f"another write to {target} is under way", hint="wait for its end"
                    )
                held.append(target)
            yield ApprovalGiven(approval, True, by)
            async for event in self._carry_out(entry, by):
                yield event
        finally:
            for target in held:
                self._ledger.unlock(target, approval)

    async def undo(self, approval: str, *, by: str) -> AsyncIterator[Event]:
        """Take an applied write back, also one whose process was killed half way."""
        entry = self._ledger.entry(approval)
        if entry.state not in ("applying", "applied", "verified") or entry.undo is None:
            raise ApprovalError(f"there is nothing to undo: approval {approval} is {entry.state}")
        detail = await self._take_back(entry, entry.state, by)
        yield ActionProgress(approval, "undone", detail)
        yield ActionFinished(approval, verified=False, undone=True, detail=detail)

    async def _carry_out(self, entry: Entry, by: str) -> AsyncIterator[Event]:
        proposal = entry.proposal
        before = frozenset(f.key for f in await self._symptoms(proposal.scope))
        with wrapped():
            planned = await plans(proposal.mitigation.action, self._reader, self._clock.now())
            diff = await self._writes.dry_run(planned)
        restarts = any(p.type == "restart" for p in parts(proposal.mitigation.action))
        if diff != proposal.diff and not restarts:
            self._step(entry, "proposed", "superseded", by)
            raise ApprovalError(
                f"{', '.join(str(p.object) for p in planned)} changed since the dry run",
                hint="investigate again",
            )
        yield ActionProgress(proposal.id, "dry run", diff)
        self._step(entry, "proposed", "applying", by, undo=inverse(planned))
        try:
            with wrapped():
                await self._writes.apply(planned)
                await self._restart_reader(proposal.mitigation.action)
        except CopilotError:
            self._step(entry, "applying", "failed", by)
            raise
        self._step(entry, "applying", "applied", by)
        yield ActionProgress(proposal.id, "applied", proposal.mitigation.title)
        outcome = await verify(
            proposal.symptoms,
            before,
            proposal.scope,
            self._symptoms,
            lambda: self._unfinished(planned),
            self._clock,
            self._verification,
            {str(part.object) for part in parts(proposal.mitigation.action)},
        )
        if outcome.cured:
            self._step(entry, "applied", "verified", by)
            detail = f"the symptom is gone after {outcome.seconds:.0f} s"
            if outcome.others:
                detail = f"a part of the symptoms is gone after {outcome.seconds:.0f} s; still there: {', '.join(outcome.remaining)}, while something else is broken: {', '.join(outcome.others)}"
            yield ActionProgress(proposal.id, "verified", detail)
            yield ActionFinished(proposal.id, verified=True, undone=False, detail=detail)
            return
        yield ActionProgress(proposal.id, "not verified", _why(outcome))
        taken = await self._take_back(self._ledger.entry(proposal.id), "applied", by)
        yield ActionProgress(proposal.id, "undone", taken)
        yield ActionFinished(proposal.id, verified=False, undone=True, detail=_why(outcome))

    async def _unfinished(self, planned: Sequence[Plan]) -> str:
        left = []
        for target in [p.object for p in planned if p.do[0]["op"] != DELETE]:
            with wrapped():
                body = await self._reader.get(target.kind, target.namespace, target.name)
            left.append(unfinished(body))
        return "; ".join(filter(None, left))

    async def _restart_reader(self, action: Action) -> None:
        """Restart the workloads that read what was written only when they start."""
        for part in parts(action):
            if isinstance(part, SetField) and part.restarts:
                kind, _, name = part.restarts.partition("/")
                restart = Restart(ObjectRef(kind, part.object.namespace, name))
                planned = await plan(restart, self._reader, self._clock.now())
                await self._writes.send(planned.object, planned.do)

    async def _take_back(self, entry: Entry, state: str, by: str) -> str:
        action = entry.proposal.mitigation.action
        names = ", ".join(str(part.object) for part in parts(action))
        try:
            partly = state == "applying"
            await self._writes.take_back(action.object, entry.undo or [], partly=partly)
            await self._restart_reader(action)
        except ConnectorError as error:
            raise ActionError(
                f"{names} could not be set back: {error}",
                hint=f"by hand: {entry.proposal.mitigation.undo}",
            ) from error
        self._step(entry, state, "undone", by)
        return f"as before: {names}"

    def _step(
        self,
        entry: Entry,
        before: str,
        after: str,
        by: str,
        *,
        undo: list[dict[str, object]] | None = None,
    ) -> None:
        now = self._clock.now()
        proposal = entry.proposal
        if not self._ledger.move(proposal.id, before, after, now, by=by, undo=undo):
            raise ApprovalError(f"approval {proposal.id} is no longer {before}")
        self._ledger.audit(
            now,
            proposal.session,
            by,
            after,
            {
                "approval": proposal.id,
                "action": proposal.mitigation.title,
                "object": str(proposal.mitigation.action.object),
            },
        )


def _why(outcome: Outcome) -> str:
    parts = []
    if outcome.remaining:
        parts.append(f"still there: {', '.join(outcome.remaining)}")
    if outcome.new:
        parts.append(f"new: {', '.join(outcome.new)}")
    return f"after {outcome.seconds:.0f} s " + "; ".join(parts or ["nothing could be confirmed"])
