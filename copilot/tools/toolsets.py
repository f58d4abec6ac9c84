"""Tools from elsewhere: MCP servers and plain Python functions, on the same path as our own.

Their results are evidence, redacted and cut like any other; their names begin with the toolset's.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, get_type_hints

from copilot.config.settings import ToolsetSection
from copilot.model.errors import ConfigError, CorrectYourCall, NotAvailable, UnavailableError
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft
from copilot.tools.names import nearest
from copilot.tools.registry import Definition

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
_START_SECONDS = 20.0


@asynccontextmanager
async def opened(sections: Mapping[str, ToolsetSection]) -> AsyncIterator[tuple[Definition, ...]]:
    """Open the toolsets and yield their tools.

    Raises `ConfigError` for a wrong section, `UnavailableError` for a server that does not answer.
    """
    async with AsyncExitStack() as stack:
        found: list[Definition] = []
        for name, section in sections.items():
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f'toolsets: "{name}" is not a name', hint="use letters, digits, - and _"
                )
            if section.functions:
                found += _functions(name, section)
            else:
                found += await _server(name, section, stack)
        yield tuple(found)


def _allowed(section: ToolsetSection, tool: str) -> bool:
    return any(fnmatchcase(tool, pattern) for pattern in section.allow)


@dataclass(frozen=True)
class ForeignTool(Definition):
    """A tool that brings its own JSON Schema."""

    schema: Mapping[str, Any]

    @property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema of the arguments, as the server gave it."""
        return {"type": "object", "properties": {}, "required": [], **self.schema}

    @property
    def signature(self) -> str:
        """How the tool is called, for messages."""
        return f"{self.name}({', '.join(self.parameters['properties'])})"

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check names, and what is required; the server checks the rest."""
        known = self.parameters["properties"]
        for name in arguments:
            if name not in known:
                raise CorrectYourCall(
                    f'{self.signature} has no argument "{name}".', nearest(name, known)
                )
        given = {name: value for name, value in arguments.items() if value is not None}
        missing = [name for name in self.parameters["required"] if name not in given]
        if missing:
            raise CorrectYourCall(f"{self.signature} needs {', '.join(missing)}.")
        return given


@dataclass(frozen=True)
class PlainTool(Definition):
    """A Python function that knows nothing of this program."""

    plain: Callable[..., Any]

    def _arguments(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.plain).parameters)

    def _hints(self) -> dict[str, Any]:
        hints = get_type_hints(self.plain, include_extras=True)
        return {
            name: hint if hasattr(hint, "__metadata__") else Annotated[hint, name]
            for name, hint in ((name, hints.get(name, str)) for name in self._arguments())
        }


def _functions(toolset: str, section: ToolsetSection) -> list[Definition]:
    found: list[Definition] = []
    for path in section.functions:
        module, colon, name = path.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f'toolsets.{toolset}: "{path}" cannot be imported: {error}',
                hint='write it like "package.module:function"',
            ) from error
        if not colon or not callable(function):
            raise ConfigError(
                f'toolsets.{toolset}: "{path}" is not a function',
                hint='write it like "package.module:function"',
            )
        if not _allowed(section, name):
            continue
        description = inspect.getdoc(function)
        if not description:
            raise ConfigError(
                f'toolsets.{toolset}: "{path}" has no docstring',
                hint="it is what an agent reads of it",
            )
        own = f"{toolset}__{name}"
        found.append(PlainTool(own, description, _of_function(own, function), function))
    return found


def _of_function(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def run(context: Context, **arguments: Any) -> Draft:
        if inspect.iscoroutinefunction(function):
            answer = await function(**arguments)
        else:
            answer = await asyncio.to_thread(function, **arguments)
        text = answer if isinstance(answer, str) else json.dumps(answer, indent=1, default=str)
        return _draft(context, name, arguments, text)

    return run


def _draft(context: Context, name: str, arguments: Mapping[str, Any], text: str) -> Draft:
    query = f"{name}({json.dumps(arguments, default=str, ensure_ascii=False)})"
    return Draft(Source.SHELL, query, text or "(no output)", start=context.now, end=context.now)


async def _server(toolset: str, section: ToolsetSection, stack: AsyncExitStack) -> list[Definition]:
    try:
        library = importlib.import_module("mcp")
    except ImportError as error:
        raise ConfigError(
            f"toolsets.{toolset}: MCP is not installed",
            hint="pip install 'incident-copilot[mcp]'",
        ) from error
    try:
        async with asyncio.timeout(_START_SECONDS):
            client = await stack.enter_async_context(
                library.Client(await _transport(library, section, stack), read_timeout_seconds=60.0)
            )
            listed = await client.list_tools()
    except (library.MCPError, OSError, TimeoutError, ExceptionGroup) as error:
        where = section.url or section.command[0]
        raise UnavailableError(
            f"toolsets.{toolset}: the MCP server {where} does not answer: {_cause(error)}",
            hint="check command or url, and run it by hand",
        ) from error
    return [
        ForeignTool(
            f"{toolset}__{tool.name}",
            (tool.description or tool.name).strip(),
            _of_server(library, client, f"{toolset}__{tool.name}", tool.name),
            tool.input_schema or {},
        )
        for tool in listed.tools
        if _allowed(section, tool.name)
    ]


async def _transport(library: Any, section: ToolsetSection, stack: AsyncExitStack) -> Any:
    if section.command:
        environment = {k: v.get_secret_value() for k, v in section.environment.items()}
        return library.StdioServerParameters(
            command=section.command[0], args=list(section.command[1:]), env=environment or None
        )
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    token = section.token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60.0))
    return streamable_http_client(section.url, http_client=http)


def _of_server(library: Any, client: Any, name: str, tool: str) -> Callable[..., Any]:
    async def run(context: Context, **arguments: Any) -> Draft:
        try:
            answer = await client.call_tool(tool, arguments)
        except (library.MCPError, OSError) as error:
            raise NotAvailable(f"{name} failed: {_cause(error)}") from error
        parts = [getattr(part, "text", "") or f"({part.type})" for part in answer.content]
        text = "\n".join(parts)
        if answer.is_error:
            raise CorrectYourCall(f"{name}: {text[:1000] or 'the server reports an error'}")
        return _draft(context, name, arguments, text)

    return run


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split())[:300] or type(error).__name__
