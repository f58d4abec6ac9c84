"""The manual pages of this machine as a second, foreign corpus: pages to Markdown, and queries that want one page each."""

from __future__ import annotations

import csv
import gzip
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/usr/share/man")
TALK = Path(__file__).parent / "corpora" / "retrieval" / "manual_pages.tsv"
"""What people would ask for a page, by hand."""

_SECTIONS = ("man1", "man5", "man7", "man8")
_FAMILY = 70
"""At most so many pages whose names begin alike: some packages bring thousands."""

_ESCAPES = [
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\\f(?:\[[^\]]*\]|\(..|.)", ""),
        (r"\\\*(?:\(..|\[[^\]]*\]|.)", ""),
        (r"\\\((?:aq|cq|oq)", "'"),
        (r"\\\((?:lq|rq|dq)", '"'),
        (r"\\\((?:em|en|hy|bu)|\\-", "-"),
        (r"\\e", r"\\"),
        (r"\\[&/|^c%:]|\\s[+-]?\d|\\\[[^\]]*\]|\\\(..|\\m\[[^\]]*\]", ""),
        (r"\\[ ~0]", " "),
    )
]
_MACRO = re.compile(r"^[.']\s*(\w+)\s*(.*)$")
_TEXT = frozenset(
    [
        "B",
        "I",
        "BR",
        "RB",
        "IR",
        "RI",
        "BI",
        "IB",
        "SM",
        "Nm",
        "Fl",
        "Ar",
        "Cm",
        "Pa",
        "Xr",
        "Nd",
        "It",
        "Op",
    ]
)
_NAME = re.compile(r"## Name\n+(.+?)\n+(?=## )", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """A manual page without its one-line description, which is what it is searched by."""

    file: str
    name: str
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query and the one page that answers it."""

    set: str
    query: str
    file: str


def pages(most: int, seed: int = 3) -> list[Page]:
    """Return different pages of sane length, chosen by chance."""
    files = [f for section in _SECTIONS for f in sorted((ROOT / section).glob("*.gz"))]
    chance = random.Random(seed)
    chance.shuffle(files)
    found: list[Page] = []
    known: set[str] = set()
    families: dict[str, int] = {}
    for file in files:
        family = re.split(r"[-_.]", file.name)[0]
        if file.is_symlink() or families.get(family, 0) >= _FAMILY:
            continue
        page = _page(file)
        if page is None or {page.name, page.about.lower()} & known:
            continue
        known |= {page.name, page.about.lower()}
        families[family] = families.get(family, 0) + 1
        found.append(page)
        if len(found) == most:
            break
    talked = {row["page"] for row in _talk()} - {page.file for page in found}
    extra = (_page(file) for file in files if file.name.removesuffix(".gz") in talked)
    return [*found, *(page for page in extra if page is not None)]


def queries(found: list[Page], seed: int = 5) -> Iterator[Wanted]:
    """Yield descriptions, the same misspelt, torn sentences of the text, and what people would say."""
    chance = random.Random(seed)
    for page in found:
        yield Wanted("description", page.about, page.file)
        yield Wanted("typo", _misspelt(page.about, chance), page.file)
        torn = _torn(page.text, chance)
        if torn:
            yield Wanted("fragment", torn, page.file)
    there = {page.file for page in found}
    for row in _talk():
        if row["page"] in there:
            yield Wanted("talk", row["query"], row["page"])


def _talk() -> list[dict[str, str]]:
    with TALK.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _page(file: Path) -> Page | None:
    try:
        source = gzip.decompress(file.read_bytes()).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
        return None
    text = _markdown(source)
    match = _NAME.search(text)
    line = " ".join(match.group(1).split()) if match else ""
    name, _, about = line.partition(" - ")
    if match is None or not 5 <= len(about.split()) <= 25:
        return None
    body = (text[: match.start()] + text[match.end() :]).strip()
    if not 200 <= len(body.split()) <= 12_000:
        return None
    return Page(file.name.removesuffix(".gz"), name.strip(), about.strip(), body)


def _markdown(source: str) -> str:
    out: list[str] = []
    code = False
    for line in re.sub(r"(?s)^.*?(?=\n\.\s*S[Hh])", "", source).split("\n"):
        macro = _MACRO.match(line)
        if macro is None:
            if line[:1] not in (".", "'"):
                out.append(_plain(line))
            continue
        kind, rest = macro.group(1), _plain(macro.group(2).replace('"', "")).strip()
        if kind in ("SH", "Sh"):
            out.append(f"\n## {rest.capitalize()}\n")
        elif kind in ("SS", "Ss"):
            out.append(f"\n### {rest}\n")
        elif kind in ("PP", "P", "LP", "Pp", "IP", "TP", "sp"):
            out.append(f"\n- {rest}" if kind == "IP" and rest and not rest.isdigit() else "\n")
        elif kind in ("nf", "EX", "Bd") and not code:
            out.append("\n```")
            code = True
        elif kind in ("fi", "EE", "Ed") and code:
            out.append("```\n")
            code = False
        elif kind in _TEXT:
            out.append(rest)
    if code:
        out.append("```")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def _plain(text: str) -> str:
    for pattern, instead in _ESCAPES:
        text = pattern.sub(instead, text)
    return text


def _misspelt(text: str, chance: random.Random) -> str:
    words = text.split()
    long = [at for at, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    for at in chance.sample(long, min(2, len(long))):
        word = words[at]
        cut = chance.randrange(1, len(word) - 2)
        words[at] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    return " ".join(words)


def _torn(text: str, chance: random.Random) -> str:
    """Return a sentence with six words of ten left, "" where there is none of fit length."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    sentences = [
        words
        for sentence in re.split(r"(?<=[.])\s+|\n\n", prose)
        if 8 <= len(words := sentence.split()) <= 30 and sentence[0] not in "#-"
    ]
    if not sentences:
        return ""
    words = chance.choice(sentences)
    kept = sorted(chance.sample(range(len(words)), max(5, int(len(words) * 0.6))))
    return " ".join(words[at] for at in kept)
