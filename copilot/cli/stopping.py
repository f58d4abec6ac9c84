"""How commands end early: Ctrl-C for the best answer so far, SIGTERM with everything tidied up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from copilot.cli.console import narrate


@contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C inside; the second one interrupts as usual."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def first() -> None:
        narrate(
            "  ▸ stopping: the best answer so far follows; Ctrl-C again to leave", style="magenta"
        )
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        stop()

    try:
        loop.add_signal_handler(signal.SIGINT, first)
    except (NotImplementedError, RuntimeError, ValueError):
        # Not on this platform, or not in the main thread.
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM cancel the command, as Ctrl-C does, so that what it opened is closed."""
    loop = asyncio.get_running_loop()
    here = asyncio.current_task()
    assert here is not None
    try:
        loop.add_signal_handler(signal.SIGTERM, here.cancel)
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
