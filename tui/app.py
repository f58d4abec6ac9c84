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
from textual.widgets import Footer, Header, Input

from copilot.model.errors import CopilotError
from copilot.model.events import ApprovalNeeded, Event, EvidenceFound
from copilot.sessions.protocols import Conversation
from tui.approval import ApprovalDialog
from tui.evidence import EvidencePanel, EvidenceScreen
from tui.transcript import Transcript


class CopilotApp(App[None]):
    """One conversation on one screen."""

    CSS_PATH = "app.tcss"
    TITLE = "Incident Copilot"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "toggle_evidence", "Evidence"),
        Binding("f4", "approve", "Fix"),
        Binding("escape", "focus_input", "Ask", show=False),
        Binding("ctrl+q", "quit", "Quit"),
    ]

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self._conversation = conversation
        self._offer: ApprovalNeeded | None = None

    def compose(self) -> ComposeResult:
        """Lay out the conversation, the evidence and the question."""
        yield Header()
        with Horizontal():
            yield Transcript()
            yield EvidencePanel()
        yield Input(placeholder="What is wrong? Ask in your own words, or just press enter")
        yield Footer()

    async def on_mount(self) -> None:
        """Show what the session already holds."""
        self.sub_title = f"session {self._conversation.id}"
        for event in self._conversation.history():
            await self._show(event)
        self.query_one(Input).focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Ask; one question at a time."""
        if self.query_one(Input).disabled:
            return
        text = submitted.value.strip()
        submitted.input.clear()
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
            field.disabled = False
            field.focus()
        if self._offer is not None:
            self._ask_approval(self._offer)

    async def _show(self, event: Event) -> None:
        await self.query_one(Transcript).show(event)
        match event:
            case EvidenceFound(evidence):
                self.query_one(EvidencePanel).add(evidence)
            case ApprovalNeeded():
                self._offer = event
            case _ if event.type in ("approval_given", "question_asked"):
                self._offer = None

    def _ask_approval(self, offer: ApprovalNeeded) -> None:
        def decided(answer: bool | None) -> None:
            if answer is not None:
                self._offer = None
                self._render_stream(
                    self._conversation.decide(offer.approval, approved=answer, by=getpass.getuser())
                )

        self.push_screen(ApprovalDialog(offer), decided)
