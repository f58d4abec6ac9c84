"""`incident-copilot ask`: a question, or a conversation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import (
    change_markdown,
    interactive,
    narrate,
    print_json,
    print_markdown,
)
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from copilot.cli.narration import Narrator
    from copilot.config.settings import Settings
    from copilot.sessions.assemble import Copilot
    from copilot.sessions.session import Session
    from copilot.sessions.store import SessionStore

_HELP = (
    "Ask on. /evidence ID shows a full text, /fix applies the proposal, /rate 1-5 TEXT says how useful "
    "an answer was, /quit ends."
)


def ask(
    text: Annotated[str, typer.Argument(help="What do you want to know?")] = "",
    session: Annotated[str, typer.Option(help="Go on with this session.", metavar="ID")] = "",
    namespace: o.Namespace = None,
    service: o.Service = None,
    since: o.Since = "15m",
    format: o.OutputFormat = o.Format.TEXT,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
    no_model: o.NoModel = False,
) -> None:
    """Ask in your own words: why is it failing, what happened last time, is it safe to roll back.

    On a terminal this becomes a conversation. `--session` goes on where an earlier one stopped.
    """

    async def command() -> ExitCode:
        loaded = settings(
            kubeconfig=kubeconfig, context=context, prometheus=prometheus, no_model=no_model
        )
        places = (tuple(namespace or ()), tuple(service or ()))
        return await _ask(loaded, text, session, places, since, format)

    run(command(), json=format is o.Format.JSON)


async def _ask(
    settings: Settings,
    text: str,
    session_id: str,
    places: tuple[tuple[str, ...], tuple[str, ...]],
    since: str,
    format: o.Format,
) -> ExitCode:
    from copilot.cli.narration import Narrator
    from copilot.model.errors import UsageError
    from copilot.sessions.assemble import assemble
    from copilot.sessions.database import open_database
    from copilot.sessions.store import SessionStore

    o.age(since)
    talk = interactive() and sys.stdout.isatty() and format is o.Format.TEXT
    if not text and not session_id and not talk:
        raise UsageError("there is no question", hint='incident-copilot ask "why is … failing?"')
    begun: str | None = None
    narrator = Narrator(answer=format is o.Format.TEXT)
    if session_id:
        store = SessionStore(open_database(settings.state.database_url))
        begun = _replay(store, session_id, narrator, text)
    # An open question may be the empty one: "what is wrong?".
    question = text or begun
    async with assemble(settings) as copilot:
        session = copilot.resume(session_id) if session_id else copilot.start(title=text)
        # Said at once: a process that is killed cannot say it at its end.
        narrate(f"session {session.id}", style="dim")
        code = ExitCode.OK
        if question is not None:
            code = await _answer(copilot, session, question, places, since, narrator, format)
        if talk:
            await _converse(copilot, session, places, since)
        return code


def _replay(store: SessionStore, session: str, narrator: Narrator, text: str) -> str | None:
    """Return the question whose answer is not complete, None if there is none.

    Shows what is stored, unless `text` asks something new.
    """
    from copilot.model.events import QuestionAsked
    from copilot.sessions.ledger import begun_at
    from copilot.sessions.resuming import Unanswered

    events = store.events(session)
    unanswered = Unanswered.of(events, begun_at(store.engine, session))
    if text and (unanswered is None or unanswered.text != text):
        return None
    for event in events:
        if isinstance(event, QuestionAsked):
            narrate(f"? {event.text or 'what is wrong?'}", style="bold")
        narrator.show(event)
    # What was found before is no result of what comes now.
    narrator.diagnosis = narrator.approval = narrator.failure = narrator.finished = None
    if unanswered is None:
        return None
    narrate("  ▸ the session stopped here; going on with its question", style="magenta")
    return unanswered.text


async def _answer(
    copilot: Copilot,
    session: Session,
    text: str,
    places: tuple[tuple[str, ...], tuple[str, ...]],
    since: str,
    narrator: Narrator,
    format: o.Format,
) -> ExitCode:
    import getpass

    from copilot.cli.investigate import approval_markdown, asked_scope, report_failure
    from copilot.cli.stopping import stoppable
    from copilot.model.diagnosis import Verdict
    from copilot.model.report import report

    scope = asked_scope(copilot, *places, o.age(since))
    with stoppable(session.stop):
        async for event in session.ask(text, user=getpass.getuser(), scope=scope):
            narrator.show(event)
    if narrator.failure is not None:
        return report_failure(narrator.failure, format)
    diagnosis = narrator.diagnosis or session.diagnosis
    if format is o.Format.JSON and diagnosis is not None:
        approval = narrator.approval.approval if narrator.approval else ""
        print_json(report(diagnosis, session=session.id, approval=approval))
    elif narrator.approval is not None:
        narrate(approval_markdown(narrator))
    asked = narrator.diagnosis
    inconclusive = asked is not None and asked.verdict is Verdict.INCONCLUSIVE
    return ExitCode.INCONCLUSIVE if inconclusive else ExitCode.OK


async def _converse(
    copilot: Copilot,
    session: Session,
    places: tuple[tuple[str, ...], tuple[str, ...]],
    since: str,
) -> None:
    import asyncio

    from copilot.cli.narration import Narrator

    narrate(_HELP, style="dim")
    while True:
        try:
            line = (await asyncio.to_thread(input, "› ")).strip()
        except EOFError:
            return
        if line in ("/quit", "/exit"):
            return
        if line.startswith("/evidence"):
            _show_evidence(copilot, session, line.removeprefix("/evidence").strip())
        elif line == "/fix":
            await _approve(copilot, session)
        elif line.startswith("/rate"):
            rate_by_line(session, line.removeprefix("/rate"))
        elif line:
            await _answer(copilot, session, line, places, since, Narrator(), o.Format.TEXT)


def _show_evidence(copilot: Copilot, session: Session, id: str) -> None:
    found = {e.id: e for e in copilot.store.evidence(session.id)}
    if id in found:
        print(f"{found[id].query}\n\n{found[id].text}")
    else:
        narrate(f"known evidence: {', '.join(found) or 'none'}", style="yellow")


def rate_by_line(session: Session, words: str) -> None:
    """Store "4 right at once" as what the person thinks of the last answer."""
    import getpass

    from copilot.model.errors import CopilotError

    number, _, text = words.strip().partition(" ")
    try:
        ratings = session.rate(
            int(number) if number.isdecimal() else 0, text=text.strip(), user=getpass.getuser()
        )
    except CopilotError as error:
        narrate(f"error: {error}", style="bold red")
    else:
        narrate(f"  stored; this answer: {ratings}")


async def _approve(copilot: Copilot, session: Session) -> None:
    import getpass

    from copilot.cli.narration import Narrator
    from copilot.model.errors import CopilotError

    entry = copilot.ledger.latest(session.id)
    if entry is None:
        narrate("there is nothing to approve", style="yellow")
        return
    print_markdown(change_markdown(entry.proposal.mitigation.title, entry.proposal.diff))
    approved = typer.confirm("Apply this?", err=True)
    narrator = Narrator()
    try:
        async for event in session.decide(
            entry.proposal.id, approved=approved, by=getpass.getuser()
        ):
            narrator.show(event)
    except CopilotError as error:
        narrate(f"error: {error}", style="bold red")
