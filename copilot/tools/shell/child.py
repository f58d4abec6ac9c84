"""Runs a filter in a process of its own, with bounds on time and memory and nothing else to reach.

A regular expression or a jq program may run for ever; a thread cannot be ended, a process can.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from copilot.tools.shell.words import Refused, Word

_MEMORY = 1024**3
_SECONDS = 5.0
_ROOT = str(Path(__file__).resolve().parents[3])
_START = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from copilot.tools.shell.child import main; main(sys.argv[2])"
)


async def run(name: str, words: Sequence[str], text: str, *, seconds: float = _SECONDS) -> str:
    """Return what the filter makes of `text`. Raises `Refused` when it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-B", "-c", _START, _ROOT, json.dumps([name, *words])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    try:
        async with asyncio.timeout(seconds):
            out, _ = await process.communicate(text.encode("utf-8", "surrogatepass"))
    except TimeoutError:
        raise Refused(f"{name} took longer than {seconds:g} s", "a simpler pattern") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    answer = out.decode("utf-8", "surrogatepass")
    if process.returncode == 0:
        return answer
    if process.returncode == 3:
        raise Refused(answer)
    raise Refused(f"{name} ended early: it needs too much time or memory", "a simpler program")


def main(arguments: str) -> None:
    """Be the process: standard input to standard output. Exit code 3: the reason is printed."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(_SECONDS), int(_SECONDS)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    from copilot.tools.shell.filters import stage

    name, *words = json.loads(arguments)
    text = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
    try:
        answer = stage([Word(name), *map(Word, words)]).run(text)
    except Refused as error:
        sys.stdout.buffer.write(error.reason.encode())
        sys.exit(3)
    # A pipe is no file: RLIMIT_FSIZE does not bind it.
    sys.stdout.buffer.write(answer.encode("utf-8", "surrogatepass"))
