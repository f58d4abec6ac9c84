"""Markdown to passages along its structure: headings, steps, whole code blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retrieval.documents import GLANCE, Chunk, View, digest, section_input, whole_input

CHUNKER = "structure-3"
"""Changes whenever the same document would give other passages, or other texts of them to embed."""

TARGET_WORDS = 150
MAX_WORDS = 250
MAX_CODE_WORDS = 400
SMALL_WORDS = 40

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)\s*$")
_MAX_HEADING = 100
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading. `path` is the headings above it, outermost first."""

    path: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def words(self) -> int:
        """How long the text is."""
        return sum(len(line.split()) for line in self.lines)


def split(document: str, title: str, glance: str, text: str) -> list[Chunk]:
    """Return a document's passages: the whole, its front matter, then windows of its sections.

    `document` is the document's id. There is always one whole passage and at least one section.
    """
    passages = [(GLANCE, glance)] if glance else []
    for section in joined(sections(text)):
        path = section.path[1:] if section.path[:1] == (title,) else section.path
        passages.extend((" > ".join(path), window) for window in windows(section.lines))
    if not passages:
        passages = [("", text.strip() or title)]
    whole = whole_input(title, glance, text)
    chunks = [Chunk(digest(CHUNKER, document, View.WHOLE, whole), View.WHOLE, 0, "", "", whole)]
    seen: Counter[str] = Counter()
    for ordinal, (heading, passage) in enumerate(passages):
        shown = section_input(title, heading, passage)
        # Without the ordinal, so that a new section leaves the ids of those below it alone.
        identity = digest(CHUNKER, document, View.SECTION, shown, str(seen[shown]))
        seen[shown] += 1
        chunks.append(Chunk(identity, View.SECTION, ordinal, heading, passage, shown))
    return chunks


def sections(text: str) -> Iterator[Section]:
    """Yield the sections of a Markdown text that have text of their own."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""

    def finished() -> Iterator[Section]:
        if any(line.strip() for line in lines):
            yield Section(tuple(name for _, name in path), tuple(lines))
        lines.clear()

    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark:
            fence = _fence_after(fence, mark.group(1), line)
            lines.append(line)
            continue
        heading = None if fence else _HEADING.match(line)
        underline = None if fence or not _could_be_heading(lines) else _UNDERLINE.match(line)
        if heading:
            yield from finished()
            _enter(path, len(heading.group(1)), heading.group(2))
        elif underline:
            name = lines.pop().strip()
            yield from finished()
            _enter(path, 1 if underline.group(1)[0] == "=" else 2, name)
        else:
            lines.append(line)
    yield from finished()


def joined(parts: Iterable[Section]) -> Iterator[Section]:
    """Yield sections with small neighbours under the same heading put together.

    A section of a few words looks like any other of its document, whose title it carries: it is
    found for the title alone, and says nothing when it is shown.
    """
    current: Section | None = None
    for part in parts:
        if current is None:
            current = part
            continue
        smallest, total = sorted((current.words, part.words))[0], current.words + part.words
        siblings = current.path and part.path and current.path[:-1] == part.path[:-1]
        if siblings and smallest < SMALL_WORDS and total <= TARGET_WORDS:
            heading = f"{current.path[-1]}, {part.path[-1]}"
            lines = (*current.lines, "", f"{part.path[-1]}:", *part.lines)
            current = Section((*part.path[:-1], heading), lines)
        else:
            yield current
            current = part
    if current is not None:
        yield current


def windows(lines: Iterable[str]) -> Iterator[str]:
    """Yield passages of about 150 to 250 words, broken between blocks where possible."""
    current: list[str] = []
    count = 0
    for block in _fitting(blocks(lines)):
        words = len(block.split())
        if current and (count >= TARGET_WORDS or count + words > MAX_WORDS):
            yield "\n\n".join(current)
            current, count = [], 0
        current.append(block)
        count += words
    if current:
        yield "\n\n".join(current)


def blocks(lines: Iterable[str]) -> Iterator[str]:
    """Yield paragraphs and list items; a fenced code block is one block whatever is in it."""
    current: list[str] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark:
            if not fence and current:
                yield "\n".join(current)
                current = []
            fence = _fence_after(fence, mark.group(1), line)
            current.append(line)
            if not fence:
                yield "\n".join(current)
                current = []
        elif fence or line.strip():
            current.append(line.rstrip())
        elif current:
            yield "\n".join(current)
            current = []
    if current:
        yield "\n".join(current)


def _fitting(whole: Iterable[str]) -> Iterator[str]:
    for block in whole:
        limit = MAX_CODE_WORDS if _FENCE.match(block) else MAX_WORDS
        if len(block.split()) <= limit:
            yield block
        else:
            yield from _pieces(block)


def _pieces(block: str) -> Iterator[str]:
    fence = _FENCE.match(block)
    opening, closing = (block.split("\n", 1)[0], fence.group(1)) if fence else ("", "")
    units = block.split("\n")[1:] if fence else block.split("\n")
    if fence and units and units[-1].strip() == closing:
        units.pop()
    joint = "\n"
    if len(units) == 1:
        units, joint = _SENTENCE_END.split(block), " "
    current: list[str] = []
    count = 0
    for unit in _short(units):
        words = len(unit.split())
        if current and count + words > TARGET_WORDS:
            yield _fenced(opening, joint.join(current), closing)
            current, count = [], 0
        current.append(unit)
        count += words
    if current:
        yield _fenced(opening, joint.join(current), closing)


def _short(units: Iterable[str]) -> Iterator[str]:
    for unit in units:
        words = unit.split(" ")
        if len(words) <= MAX_WORDS:
            yield unit
        else:
            for start in range(0, len(words), TARGET_WORDS):
                yield " ".join(words[start : start + TARGET_WORDS])


def _fenced(opening: str, body: str, closing: str) -> str:
    return f"{opening}\n{body}\n{closing}" if opening else body


def _fence_after(fence: str, mark: str, line: str) -> str:
    if not fence:
        return mark
    closes = mark[0] == fence[0] and len(mark) >= len(fence) and line.strip() == mark
    return "" if closes else fence


def _could_be_heading(lines: list[str]) -> bool:
    """A line above an underline is a heading where it stands alone and is short."""
    if not lines or not lines[-1].strip() or len(lines[-1]) > _MAX_HEADING:
        return False
    alone = len(lines) == 1 or not lines[-2].strip()
    return alone and not lines[-1].lstrip().startswith(("|", "-", "*", ">", "#"))


def _enter(path: list[tuple[int, str]], level: int, name: str) -> None:
    while path and path[-1][0] >= level:
        path.pop()
    path.append((level, name))
