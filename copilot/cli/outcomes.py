"""Which exit code an error or a verdict means."""

from __future__ import annotations

from copilot.cli.exits import ExitCode
from copilot.model.diagnosis import Verdict
from copilot.model.errors import (
    ActionError,
    ApprovalError,
    ConfigError,
    CopilotError,
    ForbiddenError,
    NotFoundError,
    PolicyError,
    UnavailableError,
    UsageError,
)

_ERRORS: tuple[tuple[type[CopilotError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (ConfigError, ExitCode.USAGE),
    (UnavailableError, ExitCode.UNAVAILABLE),
    (ForbiddenError, ExitCode.FORBIDDEN),
    (PolicyError, ExitCode.FORBIDDEN),
    (NotFoundError, ExitCode.NOT_FOUND),
    (ApprovalError, ExitCode.NOT_APPROVED),
    (ActionError, ExitCode.NOT_FIXED),
)


def of_error(error: CopilotError) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in _ERRORS if isinstance(error, kind)), ExitCode.INTERNAL)


def of_failure(name: str) -> ExitCode:
    """Return the exit code of an error known by its class name, from the event stream."""
    return next((code for kind, code in _ERRORS if kind.__name__ == name), ExitCode.INTERNAL)


def of_verdict(verdict: Verdict) -> ExitCode:
    """Return the exit code of `investigate`."""
    return {
        Verdict.HEALTHY: ExitCode.OK,
        Verdict.INCIDENT: ExitCode.INCIDENT,
        Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    }[verdict]
