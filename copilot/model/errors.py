"""The one error hierarchy.

CopilotError                    a person can act on it: message, hint, exit code
├── UsageError                  the request itself is wrong (unknown service, bad file)
├── ConfigError                 the settings are wrong
├── UnavailableError            a source could not be reached, or took too long
├── ForbiddenError              a source refused our rights
├── NotFoundError               the named thing does not exist
├── PolicyError                 our own rules refuse it (scope, redaction, writes)
├── ApprovalError               a write without a valid approval
├── ActionError                 a write failed, or did not cure the symptom
└── ModelError                  the language model failed
ToolFailure                     what an agent is told
├── CorrectYourCall             try again with other arguments
└── NotAvailable                this cannot be had now
"""

from __future__ import annotations


class CopilotError(Exception):
    """Something a person can act on.

    `message` says what is wrong in one line; `hint` says what to do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(CopilotError):
    """The request itself is wrong."""


class ConfigError(CopilotError):
    """The settings are wrong; the message names the file and the key."""


class UnavailableError(CopilotError):
    """A source could not be reached or did not answer in time."""


class ForbiddenError(CopilotError):
    """A source refused our rights."""


class NotFoundError(CopilotError):
    """The named thing does not exist."""


class PolicyError(CopilotError):
    """Our own rules refuse it."""


class ApprovalError(CopilotError):
    """A write was asked for without a valid approval."""


class ActionError(CopilotError):
    """A write failed or did not cure the symptom."""


class ModelError(CopilotError):
    """The language model failed."""


class ToolFailure(Exception):
    """What an agent is told when a tool gives no result."""


class CorrectYourCall(ToolFailure):
    """The arguments are wrong; `nearest` lists valid values close to what was asked."""

    def __init__(self, message: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(message + (f" Did you mean: {', '.join(nearest)}?" if nearest else ""))
        self.nearest = nearest


class NotAvailable(ToolFailure):
    """The source cannot answer; the message says what was asked, of whom, and why it failed."""
