"""HTML to Markdown, as far as structure matters for search: headings, lists, code, paragraphs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SKIPPED = frozenset({"script", "style", "nav", "noscript", "template", "svg", "form", "button"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "ul", "ol", "table", "blockquote", "main", "dl", "dd", "dt"}
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}


def html_to_markdown(source: str) -> tuple[str, str]:
    """Return (title, Markdown) of an HTML page; the title is "" where the page has none."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    text = "".join(reader.parts)
    return " ".join("".join(reader.title).split()), re.sub(r"\n{3,}", "\n\n", text).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self._skipping = 0
        self._in_title = False
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag == "title":
            self._in_title = True
        elif tag == "pre":
            self._in_code = True
            self.parts.append("\n\n```\n")
        elif tag in _HEADINGS:
            self.parts.append(f"\n\n{_HEADINGS[tag]} ")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "tr":
            self.parts.append("\n| ")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif tag == "title":
            self._in_title = False
        elif tag == "pre" and self._in_code:
            self._in_code = False
            self.parts.append("\n```\n\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif self._skipping:
            return
        elif self._in_code:
            self.parts.append(data)
        elif data.strip():
            # White space is one space, but a line that merely looks like Markdown stays text.
            lead = " " if data[0].isspace() and self.parts and self.parts[-1][-1:] != "\n" else ""
            tail = " " if data[-1].isspace() else ""
            self.parts.append(f"{lead}{' '.join(data.split())}{tail}")
