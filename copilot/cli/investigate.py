"""`incident-copilot investigate`: look, and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import change_markdown, print_json, print_markdown
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from datetime import timedelta

    from copilot.cli.narration import Narrator
    from copilot.config.settings import Settings
    from copilot.model.events import InvestigationFailed
    from copilot.model.scope import Scope
    from copilot.sessions.assemble import Copilot


def investigate(
    namespace: o.Namespace = None,
    service: o.Service = None,
    since: o.Since = "15m",
    alert: Annotated[
        Path | None,
        typer.Option(help="Alertmanager's JSON; says where and since when.", metavar="FILE"),
    ] = None,
    format: o.OutputFormat = o.Format.TEXT,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
    no_model: o.NoModel = False,
) -> None:
    """Find out what is wrong, with evidence, and propose a fix.

    Exit code 0: healthy, 10: incident, 11: inconclusive.
    """

    async def command() -> ExitCode:
        loaded = settings(
            kubeconfig=kubeconfig, context=context, prometheus=prometheus, no_model=no_model
        )
        return await _investigate(
            loaded, tuple(namespace or ()), tuple(service or ()), since, alert, format
        )

    run(command(), json=format is o.Format.JSON)


async def _investigate(
    settings: Settings,
    namespaces: tuple[str, ...],
    services: tuple[str, ...],
    since: str,
    alert: Path | None,
    format: o.Format,
) -> ExitCode:
    from copilot.cli.narration import Narrator
    from copilot.cli.stopping import stoppable
    from copilot.sessions.alert import read_alert
    from copilot.sessions.assemble import assemble

    back = o.age(since)
    asked = read_alert(alert) if alert else None
    async with assemble(settings) as copilot:
        text = asked.text if asked else ""
        if asked:
            namespaces = namespaces or asked.namespaces
            services = services or asked.services
            if asked.since:
                back = max(back, copilot.sources.clock.now() - asked.since)
        session = copilot.start(title=text or "investigation")
        narrator = Narrator(answer=False)
        scope = asked_scope(copilot, namespaces, services, back)
        with stoppable(session.stop):
            async for event in session.ask(text, scope=scope):
                narrator.show(event)
        return report_outcome(narrator, session.id, format)


def asked_scope(
    copilot: Copilot, namespaces: tuple[str, ...], services: tuple[str, ...], back: timedelta
) -> Scope:
    """Return what was asked for; empty places are filled in by the session."""
    from copilot.model.scope import Scope, Window

    minutes = back.total_seconds() / 60
    window = Window.last(copilot.sources.clock.now(), minutes, max(45, 3 * minutes))
    return Scope(copilot.scoping.cluster, namespaces, window, services)


def report_outcome(narrator: Narrator, session: str, format: o.Format) -> ExitCode:
    """Print the result of an investigation and return its exit code."""
    from copilot.agent.render import diagnosis_markdown
    from copilot.cli.outcomes import of_verdict
    from copilot.model.events import InvestigationFailed
    from copilot.model.report import report

    if narrator.diagnosis is None:
        ended = InvestigationFailed("Error", "the investigation ended without a result")
        return report_failure(narrator.failure or ended, format)
    approval = narrator.approval.approval if narrator.approval else ""
    if format is o.Format.JSON:
        print_json(report(narrator.diagnosis, session=session, approval=approval))
    else:
        print_markdown(diagnosis_markdown(narrator.diagnosis))
        if narrator.approval:
            print_markdown(approval_markdown(narrator))
        print_markdown(
            f"\n_Session {session}: `incident-copilot ask --session {session}` goes on._"
        )
    return of_verdict(narrator.diagnosis.verdict)


def report_failure(failure: InvestigationFailed, format: o.Format) -> ExitCode:
    """Print why there is no answer and return the exit code."""
    from copilot.cli.console import error
    from copilot.cli.outcomes import of_failure
    from copilot.model.report import error_report

    code = of_failure(failure.error)
    error(failure.message, failure.hint)
    if format is o.Format.JSON:
        print_json(error_report(code, failure.message, failure.hint, failure.error))
    return code


def approval_markdown(narrator: Narrator) -> str:
    """Return the pending write as Markdown: what, its dry run, and how to approve it."""
    needed = narrator.approval
    if needed is None:
        return ""
    return (
        f"\n## Dry run\n\n{change_markdown(needed.mitigation.title, needed.diff)}\n\n"
        f"Apply it with `incident-copilot fix {needed.approval}`"
        f" (undo: {needed.mitigation.undo})."
    )
