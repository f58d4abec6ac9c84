"""The one path of every tool call: validate, hold to the scope, run, redact, cut, remember."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Evidence
from copilot.model.protocols import Tool, ToolResult
from copilot.model.scope import Scope
from copilot.tools.catalog import TOOLS
from copilot.tools.context import Context, Draft, Limits
from copilot.tools.names import nearest
from copilot.tools.redact import redact
from copilot.tools.registry import Definition
from copilot.tools.sources import Sources
from copilot.tools.tokens import Counter, estimate, fit
from copilot.tools.wrap import told

_EXCERPT = 400


class Toolbox:
    """The tools of one investigation, held to one scope."""

    def __init__(
        self,
        sources: Sources,
        scope: Scope,
        limits: Limits | None = None,
        definitions: Sequence[Definition] = TOOLS,
    ) -> None:
        self._evidence: dict[str, Evidence] = {}
        self._context = Context(sources, scope, limits or Limits(), self._evidence)
        self._definitions = {definition.name: definition for definition in definitions}
        self._answered: dict[str, tuple[datetime, ToolResult]] = {}

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools, always in the same order."""
        return tuple(_Bound(self, definition) for definition in self._definitions.values())

    @property
    def evidence(self) -> dict[str, Evidence]:
        """All evidence gathered so far, by id, oldest first."""
        return self._evidence

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Run a tool. Raises `CorrectYourCall` or `NotAvailable`, nothing else.

        A call that was answered a moment ago is answered from memory and says so.
        """
        try:
            return await self._call(name, arguments)
        except CorrectYourCall as error:
            raise CorrectYourCall(redact(str(error))) from error
        except NotAvailable as error:
            raise NotAvailable(redact(str(error))) from error

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        definition = self._definitions.get(name)
        if definition is None:
            raise CorrectYourCall(
                f'There is no tool "{name}". Tools: {", ".join(self._definitions)}.',
                nearest(name, self._definitions),
            )
        complete = definition.validate(arguments)
        key = f"{name} {json.dumps(complete, sort_keys=True, default=str)}"
        context = self._context
        known = self._answered.get(key)
        if known and context.now - known[0] <= timedelta(seconds=context.limits.memory):
            note = (
                f"(The same call as at {known[0]:%H:%M:%S}, answered from memory: nothing new.)\n"
            )
            return replace(known[1], text=note + known[1].text)
        result = await self._run(definition, complete)
        self._answered[key] = (context.now, result)
        return result

    async def _run(self, definition: Definition, arguments: dict[str, Any]) -> ToolResult:
        seconds = self._context.limits.seconds
        try:
            async with asyncio.timeout(seconds):
                with told(definition.name):
                    draft = await definition.function(self._context, **arguments)
        except TimeoutError:
            raise NotAvailable(
                f"{definition.name} was not finished within {seconds:g} s;"
                " ask for less: one namespace, one service, a shorter time."
            ) from None
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # An object of a shape that nobody foresaw must not end the investigation.
            raise NotAvailable(
                f"{definition.name} could not read what the source answered:"
                f" {type(error).__name__}: {error}"
            ) from error
        if isinstance(draft, ToolResult):
            return draft
        return await asyncio.to_thread(self._finish, draft)

    def _finish(self, draft: Draft) -> ToolResult:
        """Redact, keep the whole as evidence, and cut what is read to the budget."""
        window = self._context.scope.window
        text = redact(draft.text).rstrip()
        whole = f"{text}\n\n{redact(draft.raw)}".rstrip() if draft.raw else text
        excerpt = redact(draft.excerpt).strip()
        evidence = Evidence.of(
            draft.source,
            redact(draft.query),
            whole,
            start=draft.start or window.start,
            end=draft.end or window.end,
            excerpt=(excerpt if excerpt in whole else "") or _first_lines(whole),
            objects=draft.objects,
            caveats=tuple(map(redact, draft.caveats)),
        )
        self._evidence.setdefault(evidence.id, evidence)
        limits = self._context.limits
        shown = cut(text, limits.tokens, evidence, limits.count)
        return ToolResult(shown, (evidence,), evidence.caveats, draft.proposals)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A `Tool` of one toolbox."""

    toolbox: Toolbox
    definition: Definition

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def description(self) -> str:
        return self.definition.description

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.definition.parameters

    async def call(self, arguments: Mapping[str, Any]) -> ToolResult:
        return await self.toolbox.call(self.definition.name, arguments)


def cut(text: str, tokens: int, evidence: Evidence, count: Counter = estimate) -> str:
    """Return `text` with a footer that names its evidence, within `tokens` altogether.

    What is left out is said, with the call that shows it.
    """
    query = evidence.query if len(evidence.query) <= 300 else evidence.query[:299] + "…"
    caveats = "".join(f"\ncaveat: {caveat}" for caveat in evidence.caveats)
    room = fit(caveats, tokens // 4, count)
    caveats = caveats if len(caveats) <= room else caveats[:room] + "…"
    raw = len(evidence.text) - len(text)
    rest = f"; {raw} characters of raw output: show_evidence" if raw > 0 else ""
    footer = f"{caveats}\n[{evidence.id}: {query}{rest}]"
    left = tokens - count(footer)
    if len(text) <= left * 8 and count(text) <= left:
        return text + footer
    note = "\n… {} more characters: show_evidence(id='{}', offset={})"
    room = fit(text, left - count(note) - 24, count)
    kept = text[:room]
    end = kept.rfind("\n")
    kept = kept[:end] if end > room // 2 else kept
    return kept + note.format(len(evidence.text) - len(kept), evidence.id, len(kept)) + footer


def _first_lines(text: str) -> str:
    """Return whole lines from the start of `text`, up to the length of an excerpt."""
    if len(text) <= _EXCERPT:
        return text
    end = text.rfind("\n", 0, _EXCERPT)
    return text[: end if end > 0 else _EXCERPT]
