"""The terminal app: the conversation streaming, the evidence beside it, an approval dialog.

It renders the event stream of a `Conversation` and has no logic of its own.
"""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from typing import ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer, Header, Input, Static

from copilot.model.errors import CopilotError
from copilot.model.events import (
    AnswerGiven,
    ApprovalGiven,
    ApprovalNeeded,
    BudgetUsed,
    Event,
    EvidenceFound,
    QuestionAsked,
)
from copilot.sessions.protocols import Conversation
from tui.approval import ApprovalDialog
from tui.evidence import EvidencePanel, EvidenceScreen
from tui.rating import RatingDialog
from tui.transcript import Transcript


class CopilotApp(App[None]):
    """One conversation on one screen."""

    CSS_PATH = "app.tcss"
    TITLE = "Incident Copilot"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "toggle_evidence", "Evidence"),
        Binding("f4", "approve", "Fix"),
        Binding("f6", "rate", "Rate"),
        Binding("f8", "stop", "Stop", priority=True),
        Binding("escape", "focus_input", "Ask", show=False),
        Binding("ctrl+q", "quit", "Quit"),
    ]

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self._conversation = conversation
        self._offer: ApprovalNeeded | None = None
        self._answering = False
        self._spent = ""

    def compose(self) -> ComposeResult:
        """Lay out the conversation, the evidence, what was used, and the question."""
        yield Header()
        with Horizontal():
            yield Transcript()
            yield EvidencePanel()
        yield Static(id="spent", markup=False)
        yield Input(placeholder="What is wrong? Ask in your own words, or just press enter")
        yield Footer()

    async def on_mount(self) -> None:
        """Show what the session already holds."""
        self.sub_title = f"session {self._conversation.id}"
        for event in self._conversation.history():
            await self._show(event)
        self.query_one(Input).focus()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to stop only while there is something to stop."""
        return self._answering if action == "stop" else True

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Ask; one question at a time."""
        if self.query_one(Input).disabled:
            return
        text = submitted.value.strip()
        submitted.input.clear()
        self._set_answering(True)
        self._render_stream(self._conversation.ask(text, user=getpass.getuser()))

    def on_evidence_panel_opened(self, opened: EvidencePanel.Opened) -> None:
        """Show the full text of a piece of evidence."""
        self.push_screen(EvidenceScreen(opened.evidence))

    def action_toggle_evidence(self) -> None:
        """Show or hide the evidence."""
        panel = self.query_one(EvidencePanel)
        panel.display = not panel.display

    def action_focus_input(self) -> None:
        """Go back to the question."""
        self.query_one(Input).focus()

    def action_approve(self) -> None:
        """Open the approval dialog again after it was closed without a decision."""
        if self._offer is None:
            self.notify("There is nothing to approve.")
        else:
            self._ask_approval(self._offer)

    def action_stop(self) -> None:
        """End the answer that is being given with the best one so far."""
        self._conversation.stop()
        self.query_one("#spent", Static).update("stopping: the best answer so far follows …")

    def action_rate(self) -> None:
        """Ask how useful the last answer was."""
        turn = self._conversation.answered
        if turn < 0:
            self.notify("There is no answer to rate yet.")
            return

        def rated(given: tuple[int, str] | None) -> None:
            if given is None:
                return
            useful, text = given
            ratings = self._conversation.rate(useful, text=text, user=getpass.getuser(), turn=turn)
            self.notify(f"Stored. This answer: {ratings}.")

        self.push_screen(RatingDialog(), rated)

    def _set_answering(self, answering: bool) -> None:
        self._answering = answering
        self.refresh_bindings()

    @work(exclusive=True)
    async def _render_stream(self, events: AsyncIterator[Event]) -> None:
        field = self.query_one(Input)
        field.disabled = True
        try:
            async for event in events:
                await self._show(event)
        except CopilotError as error:
            self.notify(str(error), severity="error", timeout=15)
            await self.query_one(Transcript).say(f"**{error.message}** {error.hint}")
        finally:
            self._set_answering(False)
            field.disabled = False
            field.focus()
        if self._offer is not None:
            self._ask_approval(self._offer)

    async def _show(self, event: Event) -> None:
        await self.query_one(Transcript).show(event)
        match event:
            case EvidenceFound(evidence):
                self.query_one(EvidencePanel).add(evidence)
            case BudgetUsed():
                self._tell(str(event))
            case AnswerGiven(author=author):
                self._tell(f"{self._spent or f'answered by {author}'} · f6 rates the answer")
            case ApprovalNeeded():
                self._offer = event
            case QuestionAsked():
                self._offer = None
                self._tell("")
            case ApprovalGiven():
                self._offer = None
            case _:
                pass

    def _tell(self, spent: str) -> None:
        self._spent = spent
        self.query_one("#spent", Static).update(spent)

    def _ask_approval(self, offer: ApprovalNeeded) -> None:
        def decided(answer: bool | None) -> None:
            if answer is not None:
                self._offer = None
                self._render_stream(
                    self._conversation.decide(offer.approval, approved=answer, by=getpass.getuser())
                )

        self.push_screen(ApprovalDialog(offer), decided)
