"""The conversation as it is sent: it only ever grows at its end, and it always fits.

Everything that leaves for the model passes the redactor here, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from copilot.agent.calls import Reply, ToolCall
from copilot.agent.prompts import render
from copilot.agent.settings import ModelSettings
from copilot.agent.tokens import clip
from copilot.model.errors import ModelError
from copilot.model.evidence import Evidence
from copilot.model.protocols import Tool, ToolResult
from copilot.tools.redact import redact
from copilot.tools.tokens import counter

Message = dict[str, Any]

STEP_TOKENS = 1_650
"""What the results of one step may add to the conversation, with the tags around them."""

FRAME_TOKENS = 40
"""About what the tags around one result take."""

# What the tools say of their own cuts.
_CUT = re.compile(
    r"\n… \d+ more characters: show_evidence\([^)\n]*\)"
    r"|; \d+ characters of raw output: show_evidence(?=\])"
)


def tool_schemas(tools: Sequence[Tool]) -> list[Message]:
    """Return the tools as the endpoint wants them, in their own stable order."""
    return [function(tool.name, tool.description, tool.parameters) for tool in tools]


def function(name: str, description: str, parameters: Mapping[str, Any]) -> Message:
    """Return one tool as the endpoint wants it."""
    body = {"name": name, "description": description, "parameters": dict(parameters)}
    return {"type": "function", "function": body}


class Transcript:
    """The messages of one answer. `request` returns them, fitted to the model's context.

    Not `native`, calls and results are text: the model writes blocks, and we answer as the user.
    """

    def __init__(
        self,
        system: str,
        tools: Sequence[Message],
        settings: ModelSettings,
        *,
        native: bool = True,
        redactor: Callable[[str], str] = redact,
    ) -> None:
        self._redact = redactor
        self._native = native
        self._count = counter(settings.model)
        self._messages: list[Message] = []
        self._sizes: list[int] = []
        self._short: dict[int, str] = {}  # tool message → what remains of it when room is needed
        # Token counts are estimates for most models; a little is kept free for their error.
        self._room = int((settings.context_tokens - settings.reply_room) * 0.97)
        self._tools = self._count(json.dumps(tools)) if tools and native else 0
        self._add({"role": "system", "content": system})

    @property
    def room(self) -> int:
        """Tokens that messages may take beside the tools' schemas."""
        return self._room - self._tools

    @property
    def tokens(self) -> int:
        """About how many tokens the next request has."""
        return self._tools + sum(self._sizes)

    def user(self, text: str) -> None:
        """Add something that we, or the engineer, say to the model."""
        self._add({"role": "user", "content": text})

    def earlier(self, text: str) -> None:
        """Add an answer that was given before."""
        self._add({"role": "assistant", "content": text})

    def assistant(self, reply: Reply) -> None:
        """Add the model's reply. Arguments that are not JSON are left out: servers refuse them."""
        message: Message = {"role": "assistant", "content": reply.text or None}
        if not self._native:
            blocks = [_block(call) for call in reply.calls]
            message["content"] = "\n".join(filter(None, [reply.text, *blocks]))
        elif reply.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": self._arguments(call.arguments)},
                }
                for call in reply.calls
            ]
        elif not reply.text:
            message["content"] = ""
        self._add(message)

    def tools(self, results: Sequence[tuple[ToolCall, ToolResult, bool]]) -> None:
        """Add the answers to the calls of one reply: call, result, and whether it succeeded.

        The results divide the step's room; what short ones leave is the long ones'.
        """
        frame = FRAME_TOKENS * len(results)
        left, rooms = min(STEP_TOKENS - frame, self.room // 5), [0] * len(results)
        sizes = [self._count(result.text) for _, result, _ in results]
        for waiting, n in enumerate(sorted(range(len(results)), key=sizes.__getitem__)):
            rooms[n] = min(sizes[n], left // (len(results) - waiting))
            left -= rooms[n]
        rendered = [
            self._tool(call, result, room, ok=ok)
            for (call, result, ok), room in zip(results, rooms, strict=True)
        ]
        if self._native:
            for (call, _, _), (full, short) in zip(results, rendered, strict=True):
                self._short[len(self._messages)] = self._redact(short)
                self._add({"role": "tool", "tool_call_id": call.id, "content": full})
        elif rendered:
            self._short[len(self._messages)] = self._redact("\n".join(s for _, s in rendered))
            self._add({"role": "user", "content": "\n".join(full for full, _ in rendered)})

    def _tool(self, call: ToolCall, result: ToolResult, room: int, *, ok: bool) -> tuple[str, str]:
        """Return a result as it is shown now, and as it is when room is needed."""
        ids = [piece.id for piece in result.evidence]
        said = result.text
        if ids and self._count(said) > room:
            # It is cut here anyway: one note of that is enough.
            said = _CUT.sub("", said)
        mark = "[… {cut:,} characters left out"
        mark += f"; show_evidence(id='{ids[0]}') has them …]" if ids else " …]"
        text = clip(said, room, mark=mark, count=self._count)
        caveats = [caveat for caveat in result.caveats if caveat not in result.text]
        values = {"tool": call.name, "ok": ok, "evidence": ids}
        full = render("tool_result", **values, text=text, caveats=caveats)
        summary = _summary(result.text, result.evidence)
        return full, render("tool_result", **values, text=summary, caveats=())

    def answer(self, call: ToolCall, text: str) -> None:
        """Add our own answer to a call: what we say, not what a tool found."""
        if self._native:
            self._add({"role": "tool", "tool_call_id": call.id, "content": text})
        else:
            self.user(text)

    def _arguments(self, text: str) -> str:
        """Return a call's arguments, redacted as everything else that leaves."""
        clean = self._redact(text)
        return _json_or_empty(clean)

    def request(self) -> list[Message]:
        """Return the messages to send.

        When they no longer fit, older tool results shrink to one line with their evidence ids, as
        many at once as make room for some more steps, because each time the endpoint's cached
        prefix is lost. Raises `ModelError` when they cannot be made to fit.
        """
        if self.tokens > self._room:
            self._shrink(int(self._room * 0.6))
        if self.tokens > self._room:
            raise ModelError(
                f"The conversation needs about {self.tokens:,} tokens and the model reads "
                f"{self._room:,}.",
                hint="raise context_tokens if the model's context window is larger",
            )
        return [dict(message) for message in self._messages]

    def tighten(self) -> bool:
        """Make room because the endpoint could not read the last request; False if there is none.

        What it takes is less than was thought, so that less is sent from then on.
        """
        before = self.tokens
        self._room = min(self._room, int(before * 0.75))
        self._shrink(int(self._room * 0.8))
        return self.tokens <= self._room

    def _shrink(self, target: int) -> None:
        for position in sorted(self._short):
            if self.tokens <= target:
                return
            message = self._messages[position]
            message["content"] = self._short.pop(position)
            self._sizes[position] = self._size(message)

    def _add(self, message: Message) -> None:
        if message["content"]:
            message["content"] = self._redact(message["content"])
        self._messages.append(message)
        self._sizes.append(self._size(message))

    def _size(self, message: Message) -> int:
        calls = json.dumps(message["tool_calls"]) if "tool_calls" in message else ""
        return self._count(f"{message['role']}{message['content'] or ''}{calls}") + 4


def _block(call: ToolCall) -> str:
    said = json.dumps({"name": call.name, "arguments": json.loads(_json_or_empty(call.arguments))})
    return f"```tool_call\n{said}\n```"


def _json_or_empty(arguments: str) -> str:
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except json.JSONDecodeError:
        return "{}"


def _summary(text: str, evidence: Sequence[Evidence]) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    queries = "; ".join(piece.query for piece in evidence)
    line = f"{first[:160]} (shortened; {queries})" if queries else f"{first[:160]} (shortened)"
    return line[:400]
