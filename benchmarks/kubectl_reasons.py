"""Why the emulator differs, where it does and is meant to (or not yet)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"patch pod",
        r"core\.PodSpec\{",
        "the real server appends a Go dump of the difference; the message itself agrees",
    ),
    (
        r"label pods --all",
        r"web-RS-ID labeled",
        "the real kubelet still ends pods of the former rollout, which are listed too",
    ),
    (
        r"--server-side",
        r"kubectl-client-side-apply",
        "1.20 leaves the former owner of a quantity in place when another manager changes it;"
        " the present version takes it away",
    ),
    (
        r"describe pod late",
        r"State:  Running",
        "1.20's kubelet no longer writes the status of a pod that it gave up: its container seems to"
        " run on, on a node without an address; the emulator shows its end",
    ),
    (
        r"(get|describe) pod (live|slow|hooks|setup|oom|noprogram)|involvedObject.name=(live|slow)",
        r"CrashLoopBackOff|BackOff|137|Running|Pending",
        "the pod restarts over and over: the two were looked at in different seconds of the cycle",
    ),
)
"""A pattern of the command, one of its difference, and the reason."""


def reason_for(command: str, diff: Sequence[str]) -> str:
    """Return the reason of a difference."""
    text = "\n".join(diff)
    for asked, found, reason in _REASONS:
        if re.search(asked, command) and re.search(found, text):
            return reason
    return "not explained"
