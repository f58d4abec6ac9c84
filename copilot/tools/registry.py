"""Turns an async function into a tool: signature and docstring are its schema and documentation.

The first parameter of a tool function is the `Context`; the rest are what an agent passes. Each
is documented by `Annotated[type, "what it means"]`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from copilot.model.errors import CorrectYourCall
from copilot.model.protocols import ToolResult
from copilot.tools.context import Context, Draft

ToolFunction = Callable[..., Awaitable[Draft | ToolResult]]


@dataclass(frozen=True)
class Definition:
    """A tool that is not yet bound to sources and scope."""

    name: str
    description: str
    function: ToolFunction

    @functools.cached_property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        schema = self._model.model_json_schema()
        properties = schema.get("properties", {})
        for item in properties.values():
            item.pop("title", None)
        return {
            "type": "object",
            "properties": properties,
            "required": schema.get("required", []),
            "additionalProperties": False,
        }

    @property
    def signature(self) -> str:
        """How the tool is called, for messages: "get_logs(service, container='')"."""
        parts = [
            name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
            for name, parameter in self._arguments().items()
        ]
        return f"{self.name}({', '.join(parts)})"

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the complete arguments. Raises `CorrectYourCall` with what to pass instead."""
        from pydantic import ValidationError

        known = list(self._arguments())
        for name in arguments:
            if name not in known:
                near = tuple(difflib.get_close_matches(name, known, 2, 0.5))
                raise CorrectYourCall(f'{self.signature} has no argument "{name}".', near)
        # Models often pass null for what they leave out.
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            complete: dict[str, Any] = self._model.model_validate(given).model_dump()
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
            )
            raise CorrectYourCall(f"{self.signature}: {problems}.") from None
        return complete

    @functools.cached_property
    def _model(self) -> Any:
        from pydantic import ConfigDict, Field, create_model

        hints = self._hints()
        fields: dict[str, Any] = {}
        for name, parameter in self._arguments().items():
            kind, text = _documented(self.name, name, hints[name])
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (kind, Field(default, description=text))
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    def _arguments(self) -> dict[str, inspect.Parameter]:
        parameters = dict(inspect.signature(self.function).parameters)
        parameters.pop(next(iter(parameters)))
        return parameters


def tool(function: ToolFunction) -> Definition:
    """Make `function` a tool. Its name is the tool's, its docstring the documentation."""
    name = getattr(function, "__name__", "")
    description = inspect.getdoc(function)
    if not description:
        raise TypeError(f"the tool {name} needs a docstring: it is what an agent reads")
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None or first.annotation not in (Context, "Context"):
        raise TypeError(f"the first parameter of the tool {name} must be a Context")
    return Definition(name, description, function)


def _documented(tool_name: str, name: str, hint: Any) -> tuple[Any, str]:
    texts = [item for item in getattr(hint, "__metadata__", ()) if isinstance(item, str)]
    if not texts:
        raise TypeError(f'the argument "{name}" of the tool {tool_name} needs a description')
    return hint.__origin__, texts[0]
