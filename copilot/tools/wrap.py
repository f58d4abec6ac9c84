"""Wraps the errors of connectors and retrieval where the core calls them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
)
from copilot.model.errors import (
    CorrectYourCall,
    ForbiddenError,
    NotAvailable,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from retrieval.errors import KnowledgeError


@contextmanager
def wrapped(hint: str = "") -> Iterator[None]:
    """Raise a `CopilotError` for a connector's error: what a person is told."""
    try:
        yield
    except SourceForbidden as error:
        raise ForbiddenError(str(error), hint=hint) from error
    except SourceMissing as error:
        raise NotFoundError(str(error), hint=hint) from error
    except SourceRejected as error:
        raise UsageError(str(error), hint=hint) from error
    except (ConnectorError, KnowledgeError) as error:
        raise UnavailableError(
            str(error), hint=hint or "run `incident-copilot doctor` to see what is reachable"
        ) from error


@contextmanager
def told(task: str) -> Iterator[None]:
    """Raise a `ToolFailure` for a connector's error: what an agent is told about `task`."""
    try:
        yield
    except SourceForbidden as error:
        raise NotAvailable(f"Forbidden, which does not mean absent: {error}") from error
    except (SourceMissing, SourceRejected) as error:
        raise CorrectYourCall(f"Could not {task}: {error}") from error
    except (ConnectorError, KnowledgeError) as error:
        raise NotAvailable(f"Could not {task}: {error}") from error
