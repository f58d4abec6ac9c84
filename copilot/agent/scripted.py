"""A scripted model: what it answers is data, for tests, demos and measurements.

A script is used up from its beginning, one step for each request. One that is not followed is an error
at the end: steps that nobody asked for, requests beyond the end, words that were expected and not sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.agent.budget import Spent
from copilot.agent.calls import Reply, ToolCall
from copilot.agent.tokens import estimate
from copilot.model.errors import ConfigError, ModelError

SCHEME = "script:"
"""A base URL that names a script instead of an endpoint."""

_WANTED = re.compile(r"ev:\{([^}]*)\}")
_EVIDENCE = re.compile(
    r'<(?:evidence id|tool_result [^>]*evidence)="(?P<id>ev-\w+)[^>]*>(?P<text>.*?)</', re.DOTALL
)


class ScriptNotFollowed(Exception):
    """The conversation was not the one that the script was written for."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """One reply. `expects` are words that the request must hold; `error` fails instead of answering.

    "ev:{words}" in texts and arguments becomes the id of the newest evidence that holds these words.
    """

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    expects: tuple[str, ...] = ()
    error: str = ""


Step = Scripted | Callable[[Sequence[Mapping[str, Any]]], Scripted]


class ScriptedModel:
    """Fits `copilot.agent.calls.Model`. `requests` holds what was sent, messages with tools.

    Tokens are counted as an endpoint with a prompt cache would: what a request has in common with the
    one before it, from the beginning, is cached.
    """

    calls_tools = True

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = list(steps)
        self._position = 0
        self._faults: list[str] = []
        self._last = ""
        self.requests: list[tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]] = []
        self.spent: list[Spent] = []

    @classmethod
    def read(cls, path: Path) -> ScriptedModel:
        """Read a script from JSON lines with the fields of `Scripted`. Raises `ConfigError`."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ConfigError(
                f"the script cannot be read: {path}: {error.strerror}", hint="check model.base_url"
            ) from error
        steps: list[Step] = []
        for number, line in enumerate(lines, 1):
            try:
                steps += [_step(json.loads(line))] if line.strip() else []
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ConfigError(
                    f"{path}:{number} is not a step of a script: {error}",
                    hint='write lines like {"text": "…", "calls": [{"name": "…", "arguments": {}}]}',
                ) from error
        return cls(steps)

    async def reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
    ) -> AsyncIterator[str | Reply]:
        """Yield the next step's text, then the reply."""
        self.requests.append((list(messages), list(tools)))
        if self._position >= len(self._steps):
            self._faults.append(f"request {len(self.requests)} is beyond the end of the script")
            raise ModelError("The script has no more steps.")
        step = self._steps[self._position]
        self._position += 1
        if not isinstance(step, Scripted):
            step = step(messages)
        sent = json.dumps(list(tools)) + json.dumps(list(messages))
        for words in step.expects:
            if words not in sent:
                self._faults.append(f"step {self._position} expected {words!r}, which was not sent")
        if step.error:
            raise ModelError(step.error)
        text = _filled(step.text, messages)
        calls = tuple(
            ToolCall(f"call_{self._position}_{n}", name, _filled(json.dumps(arguments), messages))
            for n, (name, arguments) in enumerate(step.calls)
        )
        for start in range(0, len(text), 24):
            yield text[start : start + 24]
        spent = self._count(sent, text + "".join(call.arguments for call in calls))
        yield Reply(text, calls, "tool_calls" if calls else "stop", spent)

    async def close(self) -> None:
        """Nothing is held."""

    def check(self) -> None:
        """Raise `ScriptNotFollowed` when the script does not fit what was asked."""
        unused = len(self._steps) - self._position
        faults = [*self._faults]
        if unused:
            faults.append(f"{unused} of {len(self._steps)} steps were not used")
        if faults:
            raise ScriptNotFollowed("; ".join(faults))

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.check()

    def _count(self, sent: str, written: str) -> Spent:
        same = next(
            (n for n, (a, b) in enumerate(zip(self._last, sent, strict=False)) if a != b),
            min(len(self._last), len(sent)),
        )
        # The bracket that closes the list of messages is where the next request goes on.
        self._last = sent[:-1]
        total = estimate(sent)
        spent = Spent(total, estimate(written), min(estimate(sent[:same]) if same else 0, total))
        self.spent.append(spent)
        return spent


def _step(data: Mapping[str, Any]) -> Scripted:
    unknown = {*data} - {"text", "calls", "expects", "error"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    calls = tuple((call["name"], call.get("arguments", {})) for call in data.get("calls", ()))
    expects = data.get("expects", ())
    expected = (expects,) if isinstance(expects, str) else tuple(expects)
    return Scripted(data.get("text", ""), calls, expected, data.get("error", ""))


def _filled(text: str, messages: Sequence[Mapping[str, Any]]) -> str:
    def of(wanted: re.Match[str]) -> str:
        found = [
            piece.group("id")
            for message in messages
            for piece in _EVIDENCE.finditer(str(message.get("content") or ""))
            if wanted.group(1).casefold() in piece.group().casefold()
        ]
        return found[-1] if found else "ev-0000000000"

    return _WANTED.sub(of, text)
