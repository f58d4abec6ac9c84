"""Walk around in the emulator with kubectl and curl: `python -m eval.environments.emulator.lab`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from eval.apps.loader import bundled_apps
from eval.environments.emulator.environment import Emulator


async def stay(app: str, faults: list[tuple[str, str]], settle: float, factor: float) -> None:
    """Start, print how to get in, and let virtual time pass `factor` times as fast as real time."""
    warmup = 3600.0
    # kubectl computes ages with the machine's clock: virtual time arrives at the present
    begin = datetime.now(UTC) - timedelta(seconds=warmup + settle + 60)
    environment = await Emulator.start(app, faults=faults, warmup_seconds=warmup, start=begin)
    try:
        await environment.advance(settle)
        print(f"export KUBECONFIG={environment.kubeconfig}")
        print(f"export PROMETHEUS_URL={environment.prometheus_url}", flush=True)
        await environment.run_realtime(factor)
    finally:
        await environment.close()


def main() -> None:
    """Parse the arguments and stay until interrupted."""
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    parser.add_argument("app", help=f"{', '.join(bundled_apps())}, or the path of a YAML")
    parser.add_argument("--fault", nargs=2, action="append", default=[], metavar=("KIND", "TARGET"))
    parser.add_argument("--settle", type=float, default=300, help="virtual seconds after the fault")
    parser.add_argument("--factor", type=float, default=1.0, help="speed of virtual time")
    given = parser.parse_args()
    faults = [(kind, target) for kind, target in given.fault]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(stay(given.app, faults, given.settle, given.factor))


if __name__ == "__main__":
    main()
