"""The approval dialog: what would change, what undoes it, and two buttons."""

from __future__ import annotations

from typing import ClassVar

from rich.syntax import Syntax
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from copilot.model.events import ApprovalNeeded


class ApprovalDialog(ModalScreen[bool | None]):
    """Asks for a decision; None when it is closed without one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide(True)", "Approve"),
        Binding("d", "decide(False)", "Decline"),
        Binding("escape", "dismiss(None)", "Later"),
    ]

    def __init__(self, offer: ApprovalNeeded) -> None:
        super().__init__()
        self._offer = offer

    def compose(self) -> ComposeResult:
        """The title, the dry run's diff, risk and undo, the buttons."""
        m = self._offer.mitigation
        with Vertical(classes="dialog"):
            yield Static(m.title, classes="heading", markup=False)
            with VerticalScroll():
                yield Static(Syntax(self._offer.diff, "diff", word_wrap=True))
            yield Static(f"Risk: {m.risk}. Undo: {m.undo}", markup=False, classes="hint")
            with Horizontal(classes="buttons"):
                yield Button("Decline (d)", id="decline")
                yield Button("Approve (a)", id="approve", variant="success")

    def on_mount(self) -> None:
        """The safe answer has the focus."""
        self.query_one("#decline", Button).focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Decide."""
        self.dismiss(pressed.button.id == "approve")

    def action_decide(self, approved: bool) -> None:
        """Decide by key."""
        self.dismiss(approved)
