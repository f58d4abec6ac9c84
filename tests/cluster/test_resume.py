"""kill -9 in the middle of an investigation, then `ask --session` goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.cluster.app import Library
from tests.cluster.cli import COMMAND, Copilot
from tests.cluster.faults import SELECTOR_OF_NOTHING

pytestmark = pytest.mark.cluster

SHOWN = re.compile(r"· \[(ev-[0-9a-f]{10})\]")


@pytest.fixture
def broken(library: Library) -> Iterator[Library]:
    try:
        SELECTOR_OF_NOTHING.break_it(library)
        time.sleep(5)
        yield library
    finally:
        SELECTOR_OF_NOTHING.repair(library)


def ask_and_kill(copilot: Copilot, namespace: str) -> list[str]:
    """Ask, kill -9 at the first piece of evidence, and return the ids that were shown."""
    process = subprocess.Popen(
        [
            *(COMMAND, "ask", "what is wrong?", "-n", namespace, "--no-model"),
            *("--kubeconfig", str(copilot.kubeconfig)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=copilot.environment(),
    )
    shown: list[str] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = SHOWN.findall(line)
            if found and not shown:
                process.kill()
            shown += found
        answer, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert shown, "no evidence was shown before it ended"
    assert process.returncode == -signal.SIGKILL, "it had ended before it could be killed"
    assert answer == "", "it had answered before it could be killed"
    return shown


def test_a_killed_investigation_goes_on(broken: Library, copilot: Copilot) -> None:
    shown = ask_and_kill(copilot, broken.namespace)

    listed = copilot.run("sessions")
    assert listed.code == 0, listed
    sessions = [line.split()[0] for line in listed.stdout.splitlines()]
    assert len(sessions) == 1, listed

    # Neither the question nor the namespace is said again: the session knows.
    resumed = copilot.on_cluster("ask", "--session", sessions[0], "--no-model")
    assert resumed.code == 0, resumed
    seen = SHOWN.findall(resumed.stderr)
    assert set(shown) <= set(seen), f"lost: {set(shown) - set(seen)}\n{resumed}"
    assert "shelf" in resumed.stdout, resumed
    assert "selector" in resumed.stdout, resumed

    # Now it is answered: going on shows the answer again and asks nothing of the cluster.
    again = copilot.on_cluster("ask", "--session", sessions[0], "--no-model")
    assert again.code == 0, again
    assert set(shown) <= set(SHOWN.findall(again.stderr))
    assert "selector" in again.stdout, again
