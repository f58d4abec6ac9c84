"""Start-up time, speed and memory of the emulator, for each bundled app.

"start s" is until one virtual hour has been served and all APIs answer; "s/CPU s" is the speed per
second of processor time, which other work on the machine does not change. Memory is with 90 minutes
of history.

Run as `python -m benchmarks.emulator`; each app is measured in a process of its own.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time

from eval.apps.loader import bundled_apps

WARMUP_SECONDS = 3600
MEASURED_SECONDS = 1800


async def measure(app: str) -> str:
    from eval.environments.emulator.environment import Emulator

    begun = time.perf_counter()
    environment = await Emulator.start(app, warmup_seconds=WARMUP_SECONDS)
    started = time.perf_counter() - begun
    try:
        healthy = await environment.healthy()
        begun, worked = time.perf_counter(), time.process_time()
        await environment.advance(MEASURED_SECONDS)
        speed = MEASURED_SECONDS / (time.perf_counter() - begun)
        alone = MEASURED_SECONDS / (time.process_time() - worked)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    finally:
        await environment.close()
    return f"{app:20} {started:9.2f} {speed:14,.0f} {alone:9,.0f} {memory:8.0f} {healthy!s:>8}"


def main() -> None:
    if len(sys.argv) > 1:
        print(asyncio.run(measure(sys.argv[1])))
        return
    print(
        f"{'app':20} {'start s':>9} {'virtual s/s':>14} {'s/CPU s':>9} {'RSS MiB':>8} {'healthy':>8}"
    )
    for app in bundled_apps():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.emulator", app],
            check=True,
            capture_output=True,
            text=True,
        )
        print(done.stdout, end="")


if __name__ == "__main__":
    main()
