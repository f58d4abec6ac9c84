"""eval run: inject faults, let agents work, grade what came of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from copilot.cli import options as o
from copilot.cli.eval_show import Oracle, OracleOption, print_table
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from eval.run import Progress
    from eval.runs.places import Runner
    from eval.runs.store import Row


class Environment(StrEnum):
    """Where the problems are played."""

    EMULATOR = "emulator"
    KUBE = "kube"


class Executor(StrEnum):
    """What plays the emulator's problems."""

    LOCAL = "local"
    RAY = "ray"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run_)


def run_(
    suite: Annotated[
        str, typer.Option(help="Suite, or folder of problem files.", metavar="NAME")
    ] = "smoke",
    agent: Annotated[
        list[str] | None, typer.Option(help="Agent to grade; repeatable.", metavar="NAME")
    ] = None,
    problem: Annotated[
        list[str] | None, typer.Option(help="Only ids that match; * is any text.", metavar="ID")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results; runs resume there.", metavar="DIR")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the emulator.")] = 0,
    repeat: Annotated[int, typer.Option(help="Runs of each, each with the next seed.", min=1)] = 1,
    jobs: Annotated[int, typer.Option(help="Processes; 0: one a core.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="Steps an agent may take.", min=1)] = 20,
    seconds: Annotated[
        float, typer.Option(help="Seconds an agent may take for a problem; 0: no limit.", min=0)
    ] = 600.0,
    money: Annotated[
        float, typer.Option(help="Dollars an agent may cost on a problem; 0: no limit.", min=0)
    ] = 0.0,
    environment: Annotated[
        Environment, typer.Option(help="Where: emulated, or real containers on a cluster.")
    ] = Environment.EMULATOR,
    executor: Annotated[
        Executor, typer.Option(help="Processes of this machine, or of a Ray cluster (an extra).")
    ] = Executor.LOCAL,
    ray_address: Annotated[
        str,
        typer.Option(help="Ray cluster; one on this machine unless given.", metavar="ADDRESS"),
    ] = "",
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    image: Annotated[
        str, typer.Option(help="Image with Python 3.11 or newer (kube).", metavar="IMAGE")
    ] = "",
    prometheus: Annotated[
        str, typer.Option(help="The cluster's Prometheus (kube).", metavar="URL")
    ] = "",
    oracle: OracleOption = "strict",
    minimum: Annotated[
        float, typer.Option(help="Fail below this share of successes.", min=0, max=1)
    ] = 0.0,
    baseline: Annotated[
        Path | None, typer.Option(help="Fail when worse than these results.", metavar="DIR")
    ] = None,
) -> None:
    """Inject faults, let agents work, grade with both oracles, print tables.

    On a real cluster (--environment kube) problems are played one after another; those that it cannot
    play are named with the reason. Exit code 12: below --minimum, or worse than --baseline beyond chance.
    """

    async def command() -> ExitCode:
        import asyncio

        from copilot.cli import console
        from copilot.cli.stopping import ended_by_signals
        from eval.run import Wanted, run_suite
        from eval.runs.fitting import sorted_out
        from eval.session.play import Limits
        from eval.suites.catalog import chosen
        from eval.suites.catalog import suite as problems_of

        asked = chosen(problems_of(suite), tuple(problem or ()))
        possible, impossible = sorted_out(asked, environment.value)
        wanted = Wanted(
            possible,
            tuple(agent or ("engine",)),
            seed,
            repeat,
            jobs,
            Limits(steps, seconds, money),
            out,
            environment.value,
        )
        cluster = _Cluster(kubeconfig, context, image, prometheus)
        runner = _runner(environment, executor, cluster, ray_address, jobs)
        lost: list[str] = []
        rows = []
        if possible or not impossible:
            try:
                with ended_by_signals():
                    rows = await run_suite(wanted, settings(), _teller(lost), runner)
            except asyncio.CancelledError:
                where = f" in {out}: the same command goes on there" if out else ""
                console.narrate(f"interrupted; what was done is{where or ' lost without --out'}")
                return ExitCode.INTERRUPTED
        _show(rows)
        left_out = [[each.problem.id, each.why] for each in impossible]
        print_table(
            f"Not possible on this environment ({environment.value})",
            (["problem", "why"], left_out),
        )
        for each in lost:
            console.error(each, "run again with the same --out")
        if lost:
            return ExitCode.INTERNAL
        right = sum(bool(row["success"][oracle]) for row in rows) / max(1, len(rows))
        if right < minimum or (baseline is not None and _worse(baseline, rows, oracle)):
            return ExitCode.WORSE
        return ExitCode.OK

    run(command())


class _Cluster(NamedTuple):
    kubeconfig: Path | None
    context: str
    image: str
    prometheus: str


def _runner(
    environment: Environment, executor: Executor, given: _Cluster, ray_address: str, jobs: int
) -> Runner | None:
    """What plays the problems; None for processes of this machine. Raises `UsageError`."""
    from copilot.model.errors import UsageError

    if environment is Environment.KUBE:
        from eval.lab.stay import Cluster
        from eval.runs.cluster import Twins

        if executor is Executor.RAY or jobs > 1:
            raise UsageError(
                "a cluster plays one problem at a time", hint="leave --executor and --jobs away"
            )
        kubeconfig, context, image, prometheus = given
        return Twins(Cluster(kubeconfig, context, image, "", prometheus))
    if any(given):
        raise UsageError(
            "--kubeconfig, --context, --image and --prometheus are for a real cluster",
            hint="add --environment kube",
        )
    if executor is Executor.RAY:
        from eval.runs.ray_cluster import on_ray

        return on_ray(ray_address, jobs)
    if ray_address:
        raise UsageError("--ray-address is for a Ray cluster", hint="add --executor ray")
    return None


def _teller(lost: list[str]) -> Callable[[Progress], None]:
    from copilot.cli.console import narrate

    def tell(progress: Progress) -> None:
        left = "" if progress.left is None else f" · {progress.left:.0f} s left"
        count = f"{progress.done}/{progress.number}{left}"
        if progress.row is None:
            lost.append(progress.lost)
            narrate(f"✗ {count} · {progress.lost}", style="yellow")
            return
        row = progress.row
        marks = " ".join(f"{'✓' if ok else '✗'} {name}" for name, ok in row["success"].items())
        narrate(f"{count} · {row['agent']} · {row['id']} · {marks}", style="dim")

    return tell


def _show(rows: list[Row]) -> None:
    from eval.measures.summary import summarize
    from eval.report.tables import failures, measures, successes

    found = summarize(rows)
    print_table("Success, compat (the published checks)", successes(found, "compat"))
    print_table("Success, strict (cause, users, nothing else broken)", successes(found, "strict"))
    print_table("Measures (means; seconds are virtual)", measures(found))
    print_table("Failed strictly", failures(rows))


def _worse(baseline: Path, rows: list[Row], oracle: Oracle) -> bool:
    from copilot.cli.console import narrate
    from eval.report.compare import compare_rows
    from eval.runs.store import read_rows

    old = read_rows(baseline)
    worse = False
    for agent in dict.fromkeys(row["agent"] for row in rows):
        before = [row for row in old if row["agent"] == agent]
        if not before:
            narrate(f"the baseline has no results of {agent}", style="yellow")
            continue
        mine = [row for row in rows if row["agent"] == agent]
        found = compare_rows(before, mine, oracle).whole
        word = "worse" if found.worse else "no worse"
        narrate(f"{agent}: {word} than the baseline ({found.difference:+.1%}, p = {found.p:.3f})")
        worse = worse or found.worse
    return worse
