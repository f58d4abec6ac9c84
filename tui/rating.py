"""The rating dialog: one of five, and words."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

_LABELS = ("1 useless", "2", "3", "4", "5 very useful")


class RatingDialog(ModalScreen[tuple[int, str] | None]):
    """Asks how useful an answer was; None when it is closed without a rating."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *[Binding(str(n), f"choose({n})", show=False) for n in range(1, 6)],
        Binding("escape", "dismiss(None)", "Later"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._useful = 0

    def compose(self) -> ComposeResult:
        """Five buttons and a line for words."""
        with Vertical(classes="dialog small"):
            yield Static("How useful was this answer?", classes="heading")
            with Horizontal(classes="scale"):
                for number, label in enumerate(_LABELS, 1):
                    yield Button(label, id=f"useful-{number}")
            yield Input(
                placeholder="What was good, what was wrong? (enter stores)", max_length=3000
            )
            yield Static("1-5 choose · enter stores · esc leaves it", classes="hint")

    def on_mount(self) -> None:
        """Keys 1 to 5 work at once."""
        self.query_one("#useful-3", Button).focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Choose by mouse, or by enter on a button."""
        self.action_choose(int(str(pressed.button.id).removeprefix("useful-")))

    def action_choose(self, useful: int) -> None:
        """Mark the number and go on to the words."""
        self._useful = useful
        for number in range(1, 6):
            button = self.query_one(f"#useful-{number}", Button)
            button.variant = "primary" if number == useful else "default"
        self.query_one(Input).focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Store, once a number is chosen."""
        submitted.stop()
        if self._useful:
            self.dismiss((self._useful, submitted.value.strip()))
        else:
            self.notify("Choose 1 to 5 first.")
