"""The evidence beside the conversation, and each piece in full."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from copilot.model.evidence import Evidence

_WIDTH = 40


def _line(evidence: Evidence) -> str:
    query = " ".join(evidence.query.split())
    shown = query if len(query) <= _WIDTH else query[: _WIDTH - 1] + "…"
    return f"{evidence.id} {evidence.source}\n  {shown}"


class EvidencePanel(Vertical):
    """A list of all evidence; enter opens one."""

    class Opened(Message):
        """A piece of evidence was chosen."""

        def __init__(self, evidence: Evidence) -> None:
            super().__init__()
            self.evidence = evidence

    def __init__(self) -> None:
        super().__init__()
        self._evidence: dict[str, Evidence] = {}

    def compose(self) -> ComposeResult:
        """A heading and the list."""
        yield Static("Evidence", classes="heading")
        yield OptionList(markup=False)

    def add(self, evidence: Evidence) -> None:
        """Add a piece, once."""
        if evidence.id in self._evidence:
            return
        self._evidence[evidence.id] = evidence
        options = self.query_one(OptionList)
        options.add_option(Option(_line(evidence), id=evidence.id))
        self.query_one(".heading", Static).update(f"Evidence ({len(self._evidence)})")

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        """Open it."""
        if selected.option.id in self._evidence:
            self.post_message(self.Opened(self._evidence[selected.option.id]))


class EvidenceScreen(ModalScreen[None]):
    """One piece of evidence in full: the query, the window, the text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Close")]

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self._evidence = evidence

    def compose(self) -> ComposeResult:
        """Head and text."""
        e = self._evidence
        head = f"{e.id} · {e.source}\n{e.query}\n{e.start:%H:%M:%S} – {e.end:%H:%M:%S} UTC"
        with Vertical(classes="dialog"):
            yield Static(head, classes="heading", markup=False)
            with VerticalScroll():
                yield Static(e.text, markup=False)
            yield Static("esc closes", classes="hint")
