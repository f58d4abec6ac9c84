"""The demo: the whole way through, on an emulated cluster of its own."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from copilot.cli.console import change_markdown, interactive, narrate, print_markdown
from copilot.cli.exits import ExitCode
from copilot.cli.narration import Narrator

if TYPE_CHECKING:
    from copilot.sessions.assemble import Copilot
    from copilot.sessions.session import Session

_BY_ITSELF = "the demo (it approves by itself, because this is its own emulated cluster)"


async def run_demo(app: str, fault: str, target: str, *, yes: bool) -> ExitCode:
    """Break something, find it, explain it, fix it, write it up. Nothing outside is touched."""
    from copilot.cli.running import settings
    from copilot.model.errors import UsageError
    from copilot.sessions.assemble import assemble
    from eval.apps.loader import load_app
    from eval.environments.emulator.environment import Emulator
    from eval.faults import registry
    from eval.local import inside

    try:
        spec = load_app(app)
        kind, places = registry.fault(fault, spec), registry.targets(fault, spec)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not places or (target and target not in places):
        raise UsageError(
            f"{fault} does not fit {target or app}", hint=f"it fits: {', '.join(places) or 'none'}"
        )
    place = target or places[0]
    with tempfile.TemporaryDirectory(prefix="incident-copilot-demo-") as folder:
        narrate("● starting an emulated cluster with an app under load", style="bold")
        environment = await Emulator.start(spec)
        try:
            narrate(f"  {spec.name}: {len(spec.services)} services, an hour of history")
            await kind.inject(environment, place)
            await environment.clock.sleep(240)
            narrate("  something has just been broken; four minutes pass, a page goes out")
            loaded = inside(environment, settings(), Path(folder))
            async with assemble(loaded, clock=environment.clock) as copilot:
                await _learn(copilot)
                return await _walk_through(copilot, environment.namespace, yes=yes)
        finally:
            await environment.close()


async def _learn(copilot: Copilot) -> None:
    from copilot.sessions.knowledge import change
    from eval.knowledge import incident_folder

    narrate("● indexing the demo's runbooks and past incidents", style="bold")
    index = await copilot.knowledge.open()
    now = copilot.sources.clock.now()
    report = await change(lambda: index.add([incident_folder()], now))
    state = index.status()
    narrate(f"  {state.builtin} runbooks, {report.added} past incidents")


async def _walk_through(copilot: Copilot, namespace: str, *, yes: bool) -> ExitCode:
    from copilot.agent.render import diagnosis_markdown

    session = copilot.start(title="demo")
    narrator = Narrator(answer=False)
    question = "Users report errors. What is wrong?"
    print_markdown(f"# Page: {question} (namespace {namespace})\n")
    async for event in session.ask(question):
        narrator.show(event)
    if narrator.diagnosis is None:
        return ExitCode.INCONCLUSIVE
    print_markdown(diagnosis_markdown(narrator.diagnosis))
    if narrator.approval is None:
        print_markdown("\n_No fix of this kind can be applied by the copilot: see What to do._")
        return ExitCode.OK
    print_markdown(
        "\n## Dry run\n\n"
        + change_markdown(narrator.approval.mitigation.title, narrator.approval.diff)
        + "\n"
    )
    return await _fix(copilot, session, narrator.approval.approval, yes=yes)


async def _fix(copilot: Copilot, session: Session, approval: str, *, yes: bool) -> ExitCode:
    from copilot.sessions.postmortem import postmortem

    by, approved = "you", True
    if yes or not (interactive() and sys.stdout.isatty()):
        by = _BY_ITSELF
    else:
        approved = typer.confirm("Apply this on the emulated cluster?", default=True, err=True)
    print_markdown(f"## {'Applied' if approved else 'Declined'}\n\nDecided by {by}.\n")
    narrator = Narrator(answer=False)
    async for event in session.decide(approval, approved=approved, by=by):
        narrator.show(event)
    done = narrator.finished
    if done is not None:
        heading = "Verified" if done.verified else "Not verified, undone"
        print_markdown(f"## {heading}\n\n{done.detail}.\n")
        draft = postmortem(copilot.store.stream(session.id))
        print_markdown(f"## Postmortem\n\n```markdown\n{draft}```")
        return ExitCode.OK if done.verified else ExitCode.NOT_FIXED
    return ExitCode.OK
