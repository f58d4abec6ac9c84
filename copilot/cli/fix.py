"""`incident-copilot fix`: approve and apply a proposed action, or take one back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import change_markdown, interactive, narrate, print_markdown
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from copilot.config.settings import Settings


def fix(
    approval: Annotated[
        str, typer.Argument(help="Id of the proposed action (ap-…).", show_default=False)
    ] = "",
    session: Annotated[str, typer.Option(help="Take the proposal of this session.")] = "",
    mitigation: Annotated[
        str, typer.Option(help="Propose this mitigation of the session instead of the best one.")
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take an applied action back.")] = False,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
) -> None:
    """Apply a proposed action: dry run, apply, verify that the symptom is gone, else undo.

    On a terminal it shows the change and asks. Without one it needs the approval's id.
    """

    async def command() -> ExitCode:
        loaded = settings(kubeconfig=kubeconfig, context=context, prometheus=prometheus)
        if undo:
            return await _undo(loaded, approval)
        return await _fix(loaded, approval, session, mitigation)

    run(command())


async def _fix(settings: Settings, approval: str, session_id: str, mitigation: str) -> ExitCode:
    import getpass

    from copilot.cli.narration import Narrator
    from copilot.model.errors import ApprovalError
    from copilot.sessions.approvals import DatabaseLedger
    from copilot.sessions.assemble import assemble
    from copilot.sessions.database import open_database

    ledger = DatabaseLedger(open_database(settings.state.database_url))
    if mitigation:
        return await _propose(settings, session_id, mitigation)
    entry = ledger.entry(approval) if approval else ledger.latest(session_id or None)
    if entry is None:
        raise ApprovalError("there is nothing to approve", hint="run: incident-copilot investigate")
    proposal = entry.proposal
    print_markdown(change_markdown(proposal.mitigation.title, proposal.diff))
    if not approval and not interactive():
        raise ApprovalError(
            "there is no terminal to ask on, so the approval's id is needed",
            hint=f"to approve this one: incident-copilot fix {proposal.id}",
        )
    approved = bool(approval) or typer.confirm("Apply this?", err=True)
    narrator = Narrator()
    async with assemble(settings) as copilot:
        session = copilot.resume(proposal.session)
        async for event in session.decide(proposal.id, approved=approved, by=getpass.getuser()):
            narrator.show(event)
    done = narrator.finished
    if done is None:
        return ExitCode.NOT_APPROVED
    if not done.verified:
        print(f"Not verified, undone: {done.detail}")
        return ExitCode.NOT_FIXED
    print(f"Verified: {done.detail}")
    narrate(f"to take it back: incident-copilot fix --undo {proposal.id}", style="dim")
    return ExitCode.OK


async def _propose(settings: Settings, session_id: str, mitigation: str) -> ExitCode:
    from copilot.model.errors import UsageError
    from copilot.sessions.assemble import assemble

    if not session_id:
        raise UsageError("--mitigation needs --session", hint="investigate prints the session's id")
    async with assemble(settings) as copilot:
        session = copilot.resume(session_id)
        if session.diagnosis is None:
            raise UsageError(f"session {session_id} has no diagnosis yet", hint="investigate first")
        needed = await session.propose(session.diagnosis, mitigation)
    print_markdown(change_markdown(needed.mitigation.title, needed.diff))
    narrate(f"to apply it: incident-copilot fix {needed.approval}")
    return ExitCode.OK


async def _undo(settings: Settings, approval: str) -> ExitCode:
    import getpass

    from copilot.cli.narration import Narrator
    from copilot.model.errors import UsageError
    from copilot.sessions.assemble import assemble

    if not approval:
        raise UsageError("--undo needs the approval's id", hint="incident-copilot fix --undo ap-…")
    async with assemble(settings) as copilot:
        entry = copilot.ledger.entry(approval)
        narrator = Narrator()
        session = copilot.resume(entry.proposal.session)
        async for event in session.undo(approval, by=getpass.getuser()):
            narrator.show(event)
        print(f"Undone: {narrator.finished.detail if narrator.finished else ''}")
        return ExitCode.OK
