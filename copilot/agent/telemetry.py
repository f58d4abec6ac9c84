"""OpenTelemetry spans by the conventions for generative AI: agent, model, tool, retrieval.

Only the API is used: without an SDK that the operator sets up, nothing is recorded and nothing is
sent. What was said (`…messages`, `…arguments`, `…result`) is left out unless it is asked for by
OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true, and it is redacted then, too.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from copilot import __version__
from copilot.agent.budget import Spent
from copilot.agent.settings import DEFAULT_URL, ModelSettings
from copilot.tools.redact import redact

AGENT = "incident-copilot"
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
AGENT_VERSION = "gen_ai.agent.version"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
FINISH = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
TOOL = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL = "gen_ai.tool.call.id"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
DATA_SOURCE = "gen_ai.data_source.id"
QUERY = "gen_ai.retrieval.query.text"
SERVER = "server.address"
PORT = "server.port"
ERROR = "error.type"

RETRIEVAL_TOOL = "search_knowledge"


class Trace:
    """The spans of one answer. Its root span is the agent's; `end` closes it."""

    def __init__(self, settings: ModelSettings, session: str) -> None:
        self._settings = settings
        self._content = os.environ.get(CONTENT, "").lower() == "true"
        self._api: Any = None
        self._root: Any = None
        if importlib.util.find_spec("opentelemetry") is None:
            return
        from opentelemetry import trace

        self._api = trace
        self._tracer = trace.get_tracer("incident_copilot", __version__)
        attributes = {
            OPERATION: "invoke_agent",
            AGENT_NAME: AGENT,
            AGENT_VERSION: __version__,
            REQUEST_MODEL: settings.model,
            PROVIDER: _provider(settings),
        }
        if session:
            attributes[CONVERSATION] = session
        # Never made the current span: an answer is a generator, which may end in another context.
        self._root = self._tracer.start_span(f"invoke_agent {AGENT}", attributes=attributes)

    @contextmanager
    def chat(self, messages: Sequence[Mapping[str, Any]]) -> Iterator[_Span]:
        """A request to the model."""
        place = urlsplit(self._settings.base_url or DEFAULT_URL)
        attributes: dict[str, Any] = {
            OPERATION: "chat",
            REQUEST_MODEL: self._settings.model,
            PROVIDER: _provider(self._settings),
            SERVER: place.hostname or "",
        }
        if place.port:
            attributes[PORT] = place.port
        if self._content:
            attributes[INPUT] = json.dumps(messages)
        with self._span(f"chat {self._settings.model}", attributes, client=True) as span:
            yield span

    @contextmanager
    def tool(self, name: str, call: str, arguments: str) -> Iterator[_Span]:
        """A call of a tool; a search in the team's memory is a retrieval."""
        if name == RETRIEVAL_TOOL:
            attributes = {OPERATION: "retrieval", DATA_SOURCE: "knowledge", TOOL_CALL: call}
            title = "retrieval knowledge"
        else:
            attributes = {OPERATION: "execute_tool", TOOL: name, TOOL_CALL: call}
            attributes[TOOL_TYPE] = "function"
            title = f"execute_tool {name}"
        if self._content:
            attributes[QUERY if name == RETRIEVAL_TOOL else TOOL_ARGUMENTS] = redact(arguments)
        with self._span(title, attributes) as span:
            yield span

    @contextmanager
    def _span(
        self, name: str, attributes: Mapping[str, Any], *, client: bool = False
    ) -> Iterator[_Span]:
        if self._api is None:
            yield _Span(None, content=False)
            return
        kind = self._api.SpanKind.CLIENT if client else self._api.SpanKind.INTERNAL
        span = self._tracer.start_span(
            name,
            context=self._api.set_span_in_context(self._root),
            kind=kind,
            attributes=attributes,
        )
        one = _Span(span, content=self._content)
        try:
            yield one
        except BaseException as error:
            one.failed(type(error).__name__)
            raise
        finally:
            span.end()

    def end(self, error: str = "") -> None:
        """Close the root span."""
        if self._root is not None:
            _Span(self._root, content=False).failed(error)
            self._root.end()
            self._root = None


class _Span:
    """One span, or none."""

    def __init__(self, span: Any, *, content: bool) -> None:
        self._span = span
        self._content = content

    def replied(self, spent: Spent, finish: str, text: str) -> None:
        """Note what a reply has cost."""
        if self._span is None:
            return
        self._span.set_attributes(
            {
                INPUT_TOKENS: spent.input,
                OUTPUT_TOKENS: spent.output,
                CACHED_TOKENS: spent.cached,
                FINISH: [finish],
            }
        )
        if self._content:
            self._span.set_attribute(OUTPUT, redact(text))

    def gave(self, text: str, *, ok: bool) -> None:
        """Note what a tool gave."""
        if self._span is None:
            return
        if self._content:
            self._span.set_attribute(TOOL_RESULT, redact(text))
        if not ok:
            self.failed("tool_error")

    def failed(self, error: str) -> None:
        """Note a failure by the name of its class; "" for none."""
        if self._span is not None and error:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute(ERROR, error)
            self._span.set_status(Status(StatusCode.ERROR))


def _provider(settings: ModelSettings) -> str:
    host = urlsplit(settings.base_url or DEFAULT_URL).hostname or ""
    if host.endswith("azure.com"):
        return "azure.ai.openai"
    return "openai" if host.endswith("openai.com") else "openai_compatible"
