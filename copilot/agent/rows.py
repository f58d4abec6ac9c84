"""Parts of a whole as sentences count them: "two of three", "1 in 18", "all six", "none of the nodes"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from copilot.agent.derived import Facts, reckoned, shown
from copilot.agent.labels import complements, stems
from copilot.agent.numerals import SPELLED

_ROW = re.compile(
    rf"(?<![\w.])(?P<part>\d+|one){SPELLED}? (?:(?P<word>of|in|out of)|(?!times)[a-z]+ (?P<noun>in|out of)) "
    rf"(?:the |its |their |our |every |a )?(?P<whole>\d++){SPELLED}?+(?![\w%]|\.\d| ?(?:[KMGT]i?B?|s|ms|min|m|h|%|(?:milli)?seconds?|minutes?|hours?|days?|weeks?)\b)",
    re.I,
)
_ALL = re.compile(rf"\b(?P<all>all|no [a-z]+ (?:out )?of|none|not (?:one|1)|no one|neither)(?: of)?(?: the| its| their)? (?P<whole>\d+){SPELLED}? (?!%|times|percent|seconds|minutes|hours|days|weeks)", re.I)  # fmt: skip
_FEW = 12
_TOLD = re.compile(r"(\d+)\s?(?:/|of|out of)\s?(\d+) ([a-z]+(?: [a-z]+)?)")
_NONE = re.compile(r"\b(?:none|no [a-z]+|not one|neither)\b", re.I)
_NOT = re.compile(r"\b(?:not|no|never|un[a-z]+)\b|n't\b", re.I)
_PAIR = re.compile(r"(?<![\d.:/-])(\d+)\s?(?:/|of|out of|x of)\s?(\d+)(?![\d.:/-])")
_ABSENT = re.compile(
    r"\b(?:lost|lack\w*|missing|gone|fewer|down|not|un[a-z]+|fail\w*|without|remain\w*|left|wait\w*|pending|stuck|"
    r"hang\w*|never|cannot|could not|broken|dead|refus\w*|crash\w*|disabled|rejected)\b",
    re.I,
)
_PRESENT = re.compile(
    r"\b(?:ready|available|healthy|running|runs?|up|done|finished|upgraded|updated|work|serv\w+|complete\w*|in use|"
    r"success\w*|present|exist\w*|used|taken|busy)\b",
    re.I,
)


def rows(text: str) -> Iterator[tuple[str, float, float, bool]]:
    """Yield each part of a whole that a sentence in digits tells: its words, part, whole, and whether as a rate."""
    for m in _ROW.finditer(_ALL.sub(lambda m: " " * len(m.group()), text)):
        part = 1.0 if m["part"].lower() == "one" else float(m["part"])
        if float(m["whole"]) > part:
            yield m.group(), part, float(m["whole"]), (m["word"] or m["noun"]).lower() != "of"
    for m in _ALL.finditer(text):
        whole = float(m["whole"])
        if whole > _FEW:
            continue
        yield m.group(), 0.0, whole, False


def without_rows(text: str) -> str:
    """Return a sentence in digits with what `rows` yields blanked out."""
    for words, _, _, _ in list(rows(text)):
        text = text.replace(words, " " * len(words))
    return text


def wrong_rows(
    text: str,
    quote: Facts,
    line: Facts,
    listed: Collection[float] = (),
    sums: Collection[float] = (),
) -> Iterator[str]:
    """Yield the parts of a whole that the evidence gives otherwise; `text` is a sentence in digits.

    `listed` are the numbers of rows of the evidence that may be meant, `sums` those of its columns.
    """
    for words, part, whole, rate in rows(text):
        if part and (part in listed or whole in listed):
            continue
        counted = SPELLED not in words and whole > _FEW and not rate
        if counted:
            counts = {
                q.plain for q in (*quote.numbers, *line.numbers) if q.dim in ("count", "rate")
            }
            known = {*counts, *sums, *reckoned("count", quote)}
            holds = not counts or (whole in known and bool({part, whole - part} & known))
        elif rate or whole > _FEW:
            holds = _as_share(part / whole, quote, line) or any(
                abs(v - part / whole) <= 0.1 * v
                for v in complements(text, quote.numbers, quote.text)
            )
        else:
            holds = _few(text, part, whole, quote, line)
        if not holds:
            yield f"{words.replace(SPELLED, '').strip()} does not follow from the cited evidence"


def unequal(text: str) -> Iterator[str]:
    """Yield the shares of a sentence in digits that are not those of the parts told with them: "44 % (640 of 2100)"."""
    for m in _TWICE.finditer(text):
        if SPELLED in m.group():
            continue
        share, part, whole = (float(m[n]) for n in (1, 2, 3))
        if whole > part and abs(100 * part / whole - share) > max(1.0, 0.06 * share):
            yield f"{part:g} of {whole:g} are not {share:g} %"


_N = rf"(\d+(?:\.\d+)?){SPELLED}?"
_TWICE = re.compile(rf"{_N} ?%[^.;%]{{0,60}}\({_N} (?:out )?of {_N}[^)%]*\)")


def _few(text: str, part: float, whole: float, quote: Facts, line: Facts) -> bool:
    """Whether so many of a few can be: the evidence tells how many there are, or are missing."""
    absent, present = bool(_ABSENT.search(text)), bool(_PRESENT.search(text))
    pairs = [(float(a), float(b)) for a, b in _PAIR.findall(quote.text)]
    if not part and pairs and not any(b == whole for _, b in pairs) and _NONE.search(text):
        return False
    known = {a for a, b in pairs if b == whole}
    if known:
        wanted = {part, whole - part}
        if any(
            float(m[2]) == whole and stems(text) & stems(m[3]) - stems(_noun(text, whole))
            for m in _TOLD.finditer(quote.text)
        ):
            # Both say it with the same word: "7 of 8 upstreams disabled".
            absent, present = False, _NOT.search(text) is None
        if part and absent != present:
            wanted = {whole - part} if absent else {part}
        return bool(wanted & known)
    counts = {*quote.of_dim("count"), *line.of_dim("count")}
    told = quote.of_dim("share") and not quote.of_dim("count") and 0 < part < whole
    if pairs or told:
        return _as_share(part / whole, quote, line)
    if quote.of_dim("count") and whole in counts:
        return bool({part, whole - part} & counts) or _as_share(part / whole, quote, line)
    return True


def _noun(text: str, whole: float) -> str:
    """Return the word behind a whole: what is counted."""
    found = re.search(rf"\b{whole:g}{SPELLED}? ([a-z]+)", text)
    return found[1] if found else ""


def _as_share(share: float, quote: Facts, line: Facts) -> bool:
    """Whether a share said in words is about one that is shown or follows; with no number there, it may be."""
    if not (quote.numbers or line.numbers):
        return True
    for place, free in ((quote, True), (line, False)):
        values = [*shown("share", place)]
        for dim in ("share", "change"):
            values += reckoned(dim, place, free=free)
        values += [1 - int(n) / 100 for n in re.findall(r"\bp(\d\d)\b", place.text)]
        if any(abs(v - share) <= max(0.1 * share, 0.004) for v in values):
            return True
    return False
