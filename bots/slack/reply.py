"""Renders the stream of events into one Slack thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bots.slack.blocks import approval_blocks, pieces, progress_blocks, rating_blocks, section
from copilot.model.events import (
    ActionFinished,
    ActionProgress,
    AnswerGiven,
    ApprovalNeeded,
    BudgetUsed,
    Event,
    HypothesesRanked,
    InvestigationFailed,
    InvestigationStarted,
    Notice,
)
from copilot.tools.redact import redact

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient


class Reply:
    """One answer in a thread: a line of progress that is replaced, then the answer.

    All text passes the redactor here, on its way out.
    """

    def __init__(self, client: AsyncWebClient, channel: str, thread: str) -> None:
        self._client, self._channel, self._thread = client, channel, thread
        self._progress_ts = ""
        self._progress = ":mag: Looking…"
        self._spent = ""
        self.answered = False

    async def started(self) -> None:
        """Say at once that somebody is looking."""
        posted = await self._client.chat_postMessage(
            channel=self._channel,
            thread_ts=self._thread,
            text=self._progress,
            blocks=progress_blocks(self._progress, ""),
        )
        self._progress_ts = str(posted["ts"])

    async def show(self, event: Event) -> None:
        """Render one event."""
        match event:
            case InvestigationStarted(scope):
                await self._progressed(f":mag: Looking at {', '.join(scope.namespaces)}…")
            case HypothesesRanked(causes) if causes:
                best = causes[0]
                await self._progressed(f":mag: {best.object}: {best.cause} ({best.confidence:.0%})")
            case BudgetUsed():
                await self._progressed(self._progress, str(event))
            case Notice(text):
                await self.say(f":information_source: {text}")
            case AnswerGiven(text):
                self.answered = True
                for piece in pieces(redact(text)):
                    await self._client.chat_postMessage(
                        channel=self._channel, thread_ts=self._thread, markdown_text=piece
                    )
            case ApprovalNeeded():
                await self._client.chat_postMessage(
                    channel=self._channel,
                    thread_ts=self._thread,
                    text=redact(f"Proposed: {event.mitigation.title}"),
                    blocks=approval_blocks(event),
                )
            case ActionProgress(stage=stage, detail=detail) if stage not in ("dry run", "verified"):
                await self.say(f"{stage}: {detail}")
            case ActionFinished(verified=verified, detail=detail):
                mark = ":white_check_mark: *Verified:*" if verified else ":x: *Undone:*"
                await self.say(f"{mark} {detail}")
            case InvestigationFailed(message=message, hint=hint):
                await self.say(f":warning: {message}\n→ {hint}")
            case _:
                pass

    async def finished(self) -> None:
        """Remove the line of progress: the answer stands for itself."""
        if self._progress_ts:
            await self._client.chat_delete(channel=self._channel, ts=self._progress_ts)
            self._progress_ts = ""

    async def ask_rating(self, turn: int) -> None:
        """Ask how useful the answer to the question at `turn` was."""
        said = "How useful was this answer?"
        await self._client.chat_postMessage(
            channel=self._channel,
            thread_ts=self._thread,
            text=said,
            blocks=rating_blocks(turn, said),
        )

    async def say(self, text: str) -> None:
        """Post one short message."""
        await self._client.chat_postMessage(
            channel=self._channel, thread_ts=self._thread, text=redact(text)
        )

    async def closed(self, message: dict[str, Any], outcome: str) -> None:
        """Replace the buttons of an approval message by what was decided."""
        blocks = [b for b in message.get("blocks", []) if b.get("type") != "actions"]
        await self._client.chat_update(
            channel=self._channel,
            ts=message["ts"],
            text=outcome,
            blocks=[*blocks, section(outcome)],
        )

    async def _progressed(self, text: str, spent: str = "") -> None:
        if self._progress_ts and (text, spent or self._spent) != (self._progress, self._spent):
            self._progress, self._spent = text, spent or self._spent
            shown = redact(text)
            await self._client.chat_update(
                channel=self._channel,
                ts=self._progress_ts,
                text=shown,
                blocks=progress_blocks(shown, self._spent),
            )
