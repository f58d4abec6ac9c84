"""The reference's parser of replies: a dictionary, and its own error."""

from __future__ import annotations

from typing import Any

from eval.compat.status import ResponseParsingError
from eval.session.parser import BadFormat, parse


class ResponseParser:
    """Reads the one call of a reply."""

    def parse(self, response: str) -> dict[str, Any]:
        """Return `api_name`, `args`, `kwargs` and `context`. Raises `ResponseParsingError`."""
        try:
            call = parse(response)
        except BadFormat as error:
            raise ResponseParsingError(
                str(error).removeprefix("Error parsing response: ")
            ) from error
        return {
            "api_name": call.name,
            "args": list(call.args),
            "kwargs": dict(call.kwargs),
            "context": list(call.context),
        }
