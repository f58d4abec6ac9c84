"""eval record, replay, validate: a live incident as a file, and the file as an incident."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from eval.recording.bundle import Bundle
    from eval.recording.replay import Replay

File = Annotated[Path, typer.Argument(help="A bundle.", metavar="FILE")]
Truth = Annotated[
    Path | None,
    typer.Option(help="What was right, as in docs/bundle.md: kept and graded.", metavar="JSON"),
]


def record(
    out: Annotated[Path, typer.Option("--out", help="Write the bundle here.", metavar="FILE")],
    namespace: options.Namespace = None,
    since: options.Since = "15m",
    baseline: Annotated[
        str, typer.Option(help="How much of the time before to keep: 45m.", metavar="AGE")
    ] = "45m",
    title: Annotated[str, typer.Option(help="What the incident is called.")] = "",
    truth: Truth = None,
    step: Annotated[
        float, typer.Option(help="Scrape interval of the metrics, in seconds.", min=1)
    ] = 15.0,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = "",
    prometheus: options.Prometheus = "",
) -> None:
    """Record the incident that goes on now: objects, events, logs, metrics, traces, alerts.

    Everything passes the redactor first. Nothing in the cluster is changed.
    """

    async def command() -> ExitCode:
        from copilot.cli.console import narrate
        from copilot.model.errors import UsageError
        from eval.recording.bundle import read_truth, save
        from eval.recording.live import Period, record_live

        if out.exists() and not force:
            raise UsageError(f"{out} exists", hint="choose another --out, or say --force")
        known = settings(kubeconfig=kubeconfig, context=context, prometheus=prometheus)
        right = read_truth(truth) if truth is not None else None
        period = Period(options.age(since), options.age(baseline), step)
        bundle = await record_live(known, tuple(namespace or ()), period, title, right)
        save(out, bundle)
        narrate(f"wrote {out}, {out.stat().st_size / 2**20:.1f} MiB")
        _tell(bundle)
        return ExitCode.OK

    run(command())


def replay(
    file: File,
    question: Annotated[str, typer.Argument(help="Ask this.")] = "",
    truth: Truth = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Only serve the APIs, until interrupted.")
    ] = False,
    model: Annotated[
        bool, typer.Option("--model", help="Let the configured model answer, not the engine alone.")
    ] = False,
    output: options.OutputFormat = options.Format.TEXT,
) -> None:
    """Serve a bundle through the APIs it was recorded from, diagnose it, and grade the diagnosis.

    What was not recorded is answered with "not recorded". Exit code 12: the diagnosis is wrong.
    """

    async def command() -> ExitCode:
        from dataclasses import replace

        from copilot.cli.console import narrate, print_json
        from copilot.model.errors import UsageError
        from eval.recording.bound import check, try_out
        from eval.recording.bundle import load, read_truth
        from eval.recording.diagnose import diagnose
        from eval.recording.grade import grade, lines
        from eval.recording.replay import Replay

        bundle = load(file)
        right = read_truth(truth) if truth is not None else bundle.truth
        if right is not None and right.bound is not None:
            check(right.bound, tuple(bundle.manifest.namespaces))
        known = settings()
        if model and not known.model.usable:
            raise UsageError("no model is configured", hint="set OPENAI_API_KEY or OPENAI_BASE_URL")
        environment = await Replay.open(bundle)
        try:
            for obj in environment.unserved:
                name = f"{obj['kind']} {obj['metadata']['name']}"
                narrate(f"cannot be served here: {name}", style="yellow")
            if serve:
                return await _serve(environment)
            diagnosis = await diagnose(environment, known, question, model=model)
        finally:
            await environment.close()
        grades = grade(diagnosis, right)
        if right is not None and right.bound is not None:
            narrate(f"trying the proposed repair on {right.bound.app}", style="dim")
            tried = await try_out(diagnosis, right.bound, tuple(bundle.manifest.namespaces))
            grades = replace(grades, mitigation=tried.works, tried=tried.detail)
        if output is options.Format.JSON:
            print_json({"diagnosis": grades.answer, "grades": grades.data})
        else:
            print("\n".join(lines(diagnosis, grades)))
        return ExitCode.OK if grades.right is not False else ExitCode.WORSE

    run(command(), json=output is options.Format.JSON)


def validate(file: File) -> None:
    """Check a bundle: each problem with its file and line. Exit code 2: there are some."""

    async def command() -> ExitCode:
        from eval.recording.bundle import load
        from eval.recording.bundle import validate as check

        problems = check(file)
        if problems:
            print("\n".join(map(str, problems)))
            return ExitCode.USAGE
        _tell(load(file))
        return ExitCode.OK

    run(command())


async def _serve(environment: Replay) -> ExitCode:
    """Print what a client needs, and wait to be interrupted."""
    import asyncio

    from copilot.cli.console import narrate

    print(f"export KUBECONFIG={environment.kubeconfig}")
    for name in ("prometheus", "loki", "jaeger", "alertmanager"):
        url = getattr(environment, f"{name}_url")
        if url:
            print(f"export INCIDENT_COPILOT_{name.upper()}__URL={url}", flush=True)
    narrate(f"the recorded time is {environment.clock.now():%Y-%m-%d %H:%M:%S}Z; Ctrl-C ends it")
    await asyncio.Event().wait()
    return ExitCode.OK


def _tell(bundle: Bundle) -> None:
    from copilot.cli.console import narrate

    manifest = bundle.manifest
    where = ", ".join(manifest.namespaces) or "the whole cluster"
    narrate(
        f"{where}, {manifest.window.start:%Y-%m-%d %H:%M} to {manifest.window.end:%H:%M} UTC: "
        f"{len(bundle.objects)} objects, {len(bundle.pod_logs)} container logs, "
        f"{len(bundle.series)} series, {len(bundle.streams)} log streams, "
        f"{len(bundle.traces)} traces, {len(bundle.alerts)} alerts"
    )
    for note in manifest.notes:
        narrate(note, style="yellow")


def register(app: typer.Typer) -> None:
    """Add the commands to `eval`."""
    app.command("record")(record)
    app.command("replay")(replay)
    app.command("validate")(validate)
