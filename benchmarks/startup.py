"""How long `incident-copilot --help` takes, against what importing typer alone takes.

Prints medians over interleaved runs, and their ratio (at most 2 is wanted).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    help_ = [str(Path(sys.executable).parent / "incident-copilot"), "--help"]
    typer = [sys.executable, "-c", "import typer"]
    seconds(help_), seconds(typer)
    pairs = [(seconds(help_), seconds(typer)) for _ in range(RUNS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"incident-copilot --help   {ours * 1000:7.1f} ms (median of {RUNS})")
    print(f'python -c "import typer"  {theirs * 1000:7.1f} ms (median of {RUNS})')
    print(f"ratio                     {ours / theirs:7.2f}")


if __name__ == "__main__":
    main()
