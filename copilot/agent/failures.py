"""Failures of the model's endpoint, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from copilot.agent.settings import ModelSettings
from copilot.model.errors import ModelError

if TYPE_CHECKING:
    from openai import APIError


class ContextTooLong(ModelError):
    """The endpoint cannot read that much; asking again with less is worth one try."""


class ToolsRefused(ModelError):
    """The endpoint takes no tools; the same tools can be offered by the text protocol."""


class Unfounded(ModelError):
    """The model made claims, and none of them holds: what it said is no answer."""


@contextmanager
def model_errors(
    settings: ModelSettings, seconds: float, *, answering: bool = False, late: bool = False
) -> Iterator[None]:
    """Turn whatever the client raises inside into a `ModelError` that a person can act on.

    `answering` says that the endpoint had begun to answer, so that it cannot be absent; `late` that
    it is the whole answer's time that ends, and not the endpoint's silence that is too long.
    """
    import httpx2
    from openai import APIConnectionError, APIError, APITimeoutError, OpenAIError

    where = urlsplit(settings.base_url).netloc or settings.base_url
    try:
        yield
    except TimeoutError as error:
        within = f"{seconds:.0f}" if seconds >= 1 else f"{max(seconds, 0):.1f}"
        what = "had not finished its answer after" if late else "did not answer within"
        raise ModelError(
            f"The model {what} {within} s.",
            hint=f"is {where} overloaded? Raise the model's time-out if it is just slow",
        ) from error
    except APIError as error:
        if (
            answering
            and isinstance(error, APIConnectionError)
            and not isinstance(error, APITimeoutError)
        ):
            raise ModelError(f"The connection to {where} broke off in mid-answer.") from error
        raise _explain(error, settings, where) from error
    except OpenAIError as error:
        raise ModelError(f"The model's client failed: {error}") from error
    except httpx2.HTTPError as error:
        raise ModelError(f"The connection to {where} broke off in mid-answer.") from error
    except ValueError as error:
        raise ModelError(f"{where} sent something that is not an OpenAI-style reply.") from error


def _explain(error: APIError, settings: ModelSettings, where: str) -> ModelError:
    import openai

    said = _short(error.message)
    match error:
        case openai.APITimeoutError():
            return ModelError(f"The model did not answer within {settings.timeout:.0f} s.")
        case openai.APIConnectionError():
            return ModelError(
                f"Nothing answers at {where}.", hint="check the model's base URL and the network"
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return ModelError(f"{where} refused our key: {said}", hint="check the model's API key")
        case openai.NotFoundError():
            return ModelError(
                f"{where} does not know the model {settings.model}: {said}",
                hint="check the model's name and that the base URL ends as the vendor says (/v1)",
            )
        case openai.RateLimitError():
            return ModelError(f"{where} is limiting our requests: {said}")
        case openai.APIStatusError() if _too_long(error):
            return ContextTooLong(
                f"The conversation is longer than {settings.model} can read: {said}",
                hint="lower context_tokens to the model's real context window",
            )
        case openai.APIStatusError():
            return ModelError(f"{where} answered with status {error.status_code}: {said}")
        case openai.APIError():
            return ModelError(f"{where} reported an error while answering: {said}")


def _too_long(error: APIError) -> bool:
    said = error.message.lower()
    return error.code == "context_length_exceeded" or any(
        words in said
        for words in ("context length", "context window", "maximum context", "prompt is too long")
    )


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 200 else f"{line[:200]}…"
