"""What a submission and an action may come to, by the reference's names."""

from __future__ import annotations

from enum import Enum
from typing import Any


class SubmissionStatus(Enum):
    """Whether a submission counts; its value stands in a trajectory."""

    VALID_SUBMISSION = 1
    INVALID_SUBMISSION = 2


class InvalidActionError(Exception):
    """An action that the task does not have."""

    def __init__(self, action_name: str) -> None:
        super().__init__(f"Invalid action: {action_name}")
        self.action_name = action_name


class ResponseParsingError(Exception):
    """An agent's reply that holds no single call."""

    def __init__(self, message: str) -> None:
        super().__init__(f"Error parsing response: {message}")
        self.message = message


class SessionPrint:
    """Prints a session as it goes, if `print_session` is set."""

    def __init__(self, enabled: bool = False) -> None:
        self.enabled_features = enabled

    def agent(self, action: Any) -> None:
        """Print what an agent said."""
        self._say("Agent", action)

    def service(self, response: Any) -> None:
        """Print what the environment answered."""
        self._say("Env", response)

    def result(self, results: Any) -> None:
        """Print the results."""
        self._say("Results", results)

    def _say(self, who: str, what: Any) -> None:
        if self.enabled_features:
            print(f"{who}: {what}")
