"""Going on with an answer that a killed process had begun: nothing is shown or stored twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.model.events import (
    AnswerGiven,
    Event,
    EvidenceFound,
    InvestigationFailed,
    InvestigationStarted,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.model.scope import Scope
from copilot.sessions.codec import encode

INTERRUPTED = "\n\n(The answer was interrupted here and begins again.)\n\n"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question without an answer: its position, its text, and what was stored since."""

    position: int
    text: str
    since: tuple[Event, ...]

    @classmethod
    def of(cls, history: Sequence[Event], begun: int | None = None) -> Unanswered | None:
        """Return the last question if it has neither an answer nor a failure.

        `begun` is the position of a question whose answer is known to be incomplete: its text may be
        stored, and the diagnosis after it not.
        """
        for position in range(len(history) - 1, -1, -1):
            event = history[position]
            if isinstance(event, InvestigationFailed):
                return None
            if isinstance(event, AnswerGiven) and (begun is None or position < begun):
                return None
            if isinstance(event, QuestionAsked):
                return cls(position, event.text, tuple(history[position + 1 :]))
        return None

    @property
    def scope(self) -> Scope | None:
        """Where the answer had begun to look."""
        started = [e.scope for e in self.since if isinstance(e, InvestigationStarted)]
        return started[-1] if started else None


class Resumption:
    """Lets through of a repeated stream what is not stored yet."""

    def __init__(self, since: Sequence[Event]) -> None:
        self._stored = {_key(event) for event in since}
        self._shown = "".join(event.text for event in since if isinstance(event, TextDelta))
        self._text = ""
        self._pending = bool(self._shown)
        self._differs = False
        self._answered = any(isinstance(event, AnswerGiven) for event in since)

    def new(self, event: Event) -> Iterator[Event]:
        """Yield what of `event` is to be stored and shown."""
        if isinstance(event, TextDelta | AnswerGiven) and self._answered:
            return
        if isinstance(event, TextDelta):
            yield from self._delta(event)
        elif isinstance(event, AnswerGiven):
            yield from self._end()
            whole = self._shown + event.text if self._differs else event.text
            yield AnswerGiven(whole, event.author)
        elif not self._stored or _key(event) not in self._stored:
            yield event

    def _delta(self, event: TextDelta) -> Iterator[Event]:
        if not self._pending:
            yield event
            return
        self._text += event.text
        if self._text.startswith(self._shown):
            self._pending = False
            if rest := self._text[len(self._shown) :]:
                yield TextDelta(rest)
        elif not self._shown.startswith(self._text):
            yield from self._begin_again()

    def _end(self) -> Iterator[Event]:
        if self._pending:
            yield from self._begin_again()

    def _begin_again(self) -> Iterator[Event]:
        self._pending, self._differs = False, True
        self._shown += INTERRUPTED
        yield TextDelta(INTERRUPTED + self._text)


def _key(event: Event) -> str:
    match event:
        case ToolStarted(call=call) | ToolFinished(call=call):
            return f"{event.type} {call}"
        case EvidenceFound(evidence=piece):
            return f"{event.type} {piece.id}"
        case _:
            body = encode(event)
            # How long a step took is not the same twice.
            return f"{event.type} {json.dumps({k: v for k, v in body.items() if k != 'seconds'}, sort_keys=True)}"
