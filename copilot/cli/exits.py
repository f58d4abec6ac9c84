"""All exit codes, in one place."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    """Done; for `investigate`: healthy."""
    INTERNAL = 1
    """A fault of the copilot itself."""
    USAGE = 2
    """The command line, a file or a setting is wrong."""
    UNAVAILABLE = 3
    """The cluster, or another source that is needed, cannot be reached."""
    FORBIDDEN = 4
    """The cluster refuses our rights, or policy refuses the action."""
    NOT_FOUND = 5
    """The named namespace, service, session or object does not exist."""
    NOT_APPROVED = 6
    """A write without a valid approval."""
    NOT_FIXED = 7
    """A write failed or did not cure the symptom; it was undone."""
    INCIDENT = 10
    """`investigate` found an incident."""
    INCONCLUSIVE = 11
    """The investigation finished and the evidence does not decide."""
    WORSE = 12
    """An evaluation is worse than asked for."""
    INTERRUPTED = 130
    """Ctrl-C."""
