"""`incident-copilot lab`: an app under load, emulated or on a real cluster, to walk around in."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli import options as o
from copilot.cli.console import narrate, print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run

if TYPE_CHECKING:
    from eval.lab.stay import Way

app = typer.Typer(
    help="Open an app under load, break it, and walk around in it.", no_args_is_help=True
)


class Environment(StrEnum):
    """Where the app runs."""

    EMULATOR = "emulator"
    KUBE = "kube"


_App = Annotated[
    str, typer.Option("--app", help="App: a bundled one, or the path of a YAML.", metavar="APP")
]
_Image = Annotated[
    str, typer.Option(help="Image with Python 3.11 or newer, for kube.", metavar="IMAGE")
]


@app.command()
def up(
    app_name: _App,
    fault: Annotated[
        list[str] | None, typer.Option(help="Fault to inject; repeatable.", metavar="KIND")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Service to break, one for each --fault.", metavar="SERVICE"),
    ] = None,
    environment: Annotated[
        Environment, typer.Option(help="Where to run it.")
    ] = Environment.EMULATOR,
    seed: Annotated[int, typer.Option(help="Seed of what is random.")] = 0,
    rate: Annotated[float | None, typer.Option(help="Users' requests a second.", min=0.01)] = None,
    settle: Annotated[
        float, typer.Option(help="Seconds that the faults are old already (emulator).", min=0)
    ] = 300.0,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running (kube).")] = False,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    image: _Image = "",
    namespace: Annotated[
        str, typer.Option(help="In place of the app's own (kube).", metavar="NAME")
    ] = "",
    prometheus: Annotated[
        str, typer.Option(help="The cluster's Prometheus (kube).", metavar="URL")
    ] = "",
    format: o.OutputFormat = o.Format.TEXT,
) -> None:
    """Open the lab, print the way in, and stay until Ctrl-C."""

    async def command() -> ExitCode:
        import asyncio
        import signal

        from copilot.model.errors import UsageError
        from eval.lab.choices import choose_app, choose_faults
        from eval.lab.stay import Cluster, Wanted, stay_emulated, stay_real

        if environment is Environment.EMULATOR and (
            detach or kubeconfig or context or image or namespace
        ):
            raise UsageError(
                "--detach, --kubeconfig, --context, --image and --namespace are for a real cluster",
                hint="add --environment kube",
            )
        with _clear_errors():
            spec = choose_app(app_name)
            faults = choose_faults(spec, fault or [], target or [], environment.value)
        wanted = Wanted(spec, faults, seed, rate, settle)

        async def tell(way: Way) -> None:
            _print(way, format, detach=detach)

        here = asyncio.current_task()
        assert here is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, here.cancel)
        narrate(f"opening {spec.name} ({len(spec.services)} services)", style="dim")
        try:
            with _clear_errors():
                if environment is Environment.EMULATOR:
                    await stay_emulated(wanted, tell)
                else:
                    cluster = Cluster(kubeconfig, context, image, namespace, prometheus)
                    await stay_real(wanted, cluster, tell, detach=detach)
        except asyncio.CancelledError:
            narrate("closed; nothing is left", style="dim")
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


@app.command()
def down(
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    image: _Image = "",
    everything: Annotated[bool, typer.Option("--all", help="Labs that are in use, too.")] = False,
    format: o.OutputFormat = o.Format.TEXT,
) -> None:
    """Remove from a real cluster what labs left there: killed ones and detached ones."""

    async def command() -> ExitCode:
        from eval.environments.kube.environment import IMAGE
        from eval.environments.kube.sweeping import sweep

        with _clear_errors():
            removed, kept = await sweep(kubeconfig, context, image or IMAGE, everything=everything)
        if format is o.Format.JSON:
            print_json({"removed": removed, "kept": kept})
            return ExitCode.OK
        for name in removed:
            print(f"removed {name}")
        for name, holder in kept.items():
            print(f"kept {name}: in use by {holder} (--all removes it)")
        if not removed and not kept:
            print("there is no lab on this cluster")
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


@app.command("apps")
def list_apps(format: o.OutputFormat = o.Format.TEXT) -> None:
    """List the apps."""

    async def command() -> ExitCode:
        from eval.apps.loader import bundled_apps, load_app

        rows = []
        for name in bundled_apps():
            spec = load_app(name)
            rows.append(
                {
                    "app": name,
                    "services": len(spec.services),
                    "namespace": spec.namespace,
                    "about": spec.description,
                }
            )
        if format is o.Format.JSON:
            print_json({"apps": rows})
        for row in rows if format is o.Format.TEXT else ():
            print(
                f"{row['app']:20} {row['services']:3} services  {row['namespace']}  {row['about']}".rstrip()
            )
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


@app.command("faults")
def list_faults(
    app_name: Annotated[
        str, typer.Option("--app", help="Only what fits this app.", metavar="APP")
    ] = "",
    format: o.OutputFormat = o.Format.TEXT,
) -> None:
    """List the kinds of faults, and the services of an app that they fit."""

    async def command() -> ExitCode:
        from dataclasses import asdict

        from eval.lab.choices import choose_app, fault_rows

        with _clear_errors():
            rows = fault_rows(choose_app(app_name) if app_name else None)
        if format is o.Format.JSON:
            print_json({"faults": [asdict(row) for row in rows]})
            return ExitCode.OK
        for row in rows:
            print(f"{row.kind:30} {row.family:14} {row.summary}")
            if row.targets:
                print(f"{'':30} fits: {', '.join(row.targets)}")
            for name, reason in row.unfit.items():
                print(f"{'':30} not in {name}: {reason}")
        return ExitCode.OK

    run(command(), json=format is o.Format.JSON)


def _print(way: Way, format: o.Format, *, detach: bool) -> None:
    from dataclasses import asdict

    if format is o.Format.JSON:
        print_json(asdict(way))
        return
    print(f"export KUBECONFIG={way.kubeconfig}")
    print(f"# namespace {way.namespace}")
    for name, url in way.urls.items():
        if url:
            print(f"export {name.upper()}_URL={url}")
    end = "`incident-copilot lab down` removes it" if detach else "Ctrl-C closes the lab"
    print(f"# {end}", flush=True)


class _clear_errors:
    """Turns what the lab raises into an error with a hint."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        from connectors.api.errors import ConnectorError
        from copilot.model.errors import UnavailableError, UsageError
        from eval.lab.choices import UnknownChoice

        if isinstance(error, UnknownChoice):
            raise UsageError(str(error), hint=error.hint) from error
        if isinstance(error, TimeoutError | ConnectorError):
            raise UnavailableError(str(error)) from error
        if isinstance(error, ValueError):
            raise UsageError(str(error)) from error
