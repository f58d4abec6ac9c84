"""The conversation: questions, what is being done, and answers as they are written."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from copilot.model.events import (
    ActionFinished,
    ActionProgress,
    AnswerGiven,
    ApprovalGiven,
    Event,
    FindingReported,
    HypothesesRanked,
    InvestigationFailed,
    InvestigationStarted,
    Notice,
    QuestionAsked,
    TextDelta,
    ToolFinished,
)


class Transcript(VerticalScroll):
    """Renders every event that a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: Markdown | None = None
        self._stream: MarkdownStream | None = None

    async def show(self, event: Event) -> None:
        """Render one event."""
        match event:
            case QuestionAsked(text):
                await self._line(f"? {text or 'What is wrong?'}", "question")
            case InvestigationStarted(scope):
                await self._line(f"● looking at {', '.join(scope.namespaces)}", "step")
            case ToolFinished(ok=False, tool=tool, text=text):
                await self._line(f"✗ {tool}: {text[:200]}", "warning")
            case FindingReported(finding):
                await self._line(f"! {finding.object}: {finding.summary}", "finding")
            case HypothesesRanked(causes) if causes:
                best = causes[0]
                await self._line(f"→ {best.object}: {best.cause} ({best.confidence:.0%})", "step")
            case Notice(text):
                await self._line(f"▸ {text}", "warning")
            case TextDelta(text):
                await self._append(text)
            case AnswerGiven(text):
                await self._finish(text)
            case ApprovalGiven(approved=approved, by=by):
                await self._line(f"{'✓ approved' if approved else '✗ declined'} by {by}", "step")
            case ActionProgress(stage=stage, detail=detail) if stage != "dry run":
                await self._line(f"{stage}: {detail}", "step")
            case ActionFinished(verified=verified, detail=detail):
                heading = "Verified" if verified else "Not verified, undone"
                await self._line(f"{heading}: {detail}", "verified" if verified else "warning")
            case InvestigationFailed(message=message, hint=hint):
                await self._line(f"✗ {message} → {hint}", "warning")
            case _:
                pass

    async def say(self, text: str) -> None:
        """Add a paragraph of Markdown."""
        await self.mount(Markdown(text))
        self._follow()

    async def _line(self, text: str, classes: str) -> None:
        await self.mount(Static(text, classes=classes, markup=False))
        self._follow()

    async def _append(self, text: str) -> None:
        if self._stream is None:
            self._answer = Markdown(classes="answer")
            await self.mount(self._answer)
            self._follow()
            self._stream = Markdown.get_stream(self._answer)
        await self._stream.write(text)
        self._follow()

    async def _finish(self, text: str) -> None:
        if self._stream is not None and self._answer is not None:
            await self._stream.stop()
            # The final text counts: what was streamed may have been corrected since.
            if self._answer.source != text:
                await self._answer.update(text)
        else:
            await self.mount(Markdown(text, classes="answer"))
        # The cause stands first: show the answer from its beginning.
        self.anchor(False)
        answer = self.query(".answer").last(Markdown)
        # Where it stands is known once it is laid out.
        self.call_after_refresh(self._show_from, answer)
        self._stream = self._answer = None

    def _show_from(self, answer: Markdown) -> None:
        top = min(answer.virtual_region.y, self.max_scroll_y)
        self.scroll_to(y=max(top, 0), animate=False, force=True, immediate=True)

    def _follow(self) -> None:
        # An anchor pins what is shorter than the screen to its bottom, above its own beginning.
        if self.max_scroll_y > 0:
            self.anchor()
