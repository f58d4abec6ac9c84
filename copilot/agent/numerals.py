"""A sentence with its numbers in digits: what is spelled out, halves and thirds, doubles, an hour and a half.

People seldom count to the last one when they write in words, so that each number which was not written in
digits is followed by `SPELLED`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SPELLED = "\ue000"

# fmt: off
_ONES = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# fmt: on
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_VALUES = {
    **{word: n for n, word in enumerate(_ONES, 1)},
    **{word: 10 * n for n, word in enumerate(_TENS, 2)},
}
_WORD = rf"(?:{'|'.join(sorted((*_VALUES, *_SCALES), key=len, reverse=True))})"
_SPELLED_OUT = re.compile(
    rf"\b(?:(?:a|half a) (?=(?:{'|'.join(_SCALES)})\b))?{_WORD}(?:(?:-| |(?<=hundred) and |(?<=thousand) and ){_WORD})*\b(?!-(?!odd|fold))",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?<![\d.,:/-])\d{1,3}(?:[ ,]\d{3})+(?![\d.]*\d)")
_SCALED = re.compile(rf"\b(\d+(?:\.\d+)?){SPELLED}? ({'|'.join(_SCALES)})s?\b", re.I)

_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8}
_PARTS |= {"ninth": 9, "tenth": 10, "twentieth": 20, "hundredth": 100, "thousandth": 1000}
_PART = rf"(?P<part>{'|'.join(_PARTS)}|halve)s?"
_TIME = r"(?:second|minute|hour|day|week|month|year)"
_BELOW = {"minute": ("seconds", 60), "hour": ("minutes", 60), "day": ("hours", 24)}
_BELOW |= {
    "second": ("ms", 1000),
    "week": ("days", 7),
    "month": ("days", 30),
    "year": ("days", 365),
}

_MULTIPLES = {"twice": 2, "thrice": 3, "double": 2, "doubled": 2, "doubles": 2, "trebled": 3}
_MULTIPLES |= {"triple": 3, "tripled": 3, "triples": 3, "quadrupled": 4, "quintupled": 5}
_MULTIPLES |= {"quadruple": 4, "decupled": 10, "doubling": 2, "tripling": 3, "quadrupling": 4}


def joined(text: str) -> str:
    """Return a text with "1 882 410" and "1,882,410" written as 1882410."""
    return _GROUPED.sub(lambda m: re.sub("[ ,]", "", m.group()), text)


def scaled(text: str, mark: str = "") -> str:
    """Return a text with "31 million" in digits, followed by a `mark`."""
    return _SCALED.sub(lambda m: f"{float(m[1]) * _SCALES[m[2].lower()]:.12g}{mark}", text)


def digits(sentence: str) -> str:
    """Return a sentence with all of its numbers in digits."""
    text = scaled(joined(sentence), SPELLED)
    text = _OR_TWO.sub(lambda m: f"few {m[1]}s", text)
    text = re.sub(r"\b[Aa] couple of (?=[a-z])", "two ", text)
    text = _ODD.sub(r"a good \1 ", _SPELLED_OUT.sub(_cardinal, text))
    text = _BETWEEN.sub(lambda m: f"about {(float(m[1]) + float(m[2])) / 2:g}{SPELLED}", text)
    if not re.search(r"\d", text):
        text = _EVERY.sub(f"every 1{SPELLED} ", text)
    for pattern, said in _IDIOMS:
        text = pattern.sub(said, text)
    return text


def _cardinal(found: re.Match[str]) -> str:
    """Read a number in words; "one" by itself is mostly a pronoun and stays."""
    said = found.group()
    total, part = 0.0, 0.0
    for word in re.findall(r"[a-z]+", said.lower()):
        if word in _VALUES:
            if part and part % 10 and part < 100:
                return said  # "three five": no number
            part += _VALUES[word]
        elif word in _SCALES:
            part = (part or 1) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, part = total + part, 0.0
    value = total + part
    if said.lower().startswith("half a "):
        value /= 2
    return said if value == 1 else f"{value:.12g}{SPELLED}"


def _n(word: str) -> float:
    word = word.lower().strip(f" {SPELLED}")
    return 1.0 if word in ("a", "an", "one", "") else float(word)


def _mixed(found: re.Match[str]) -> str:
    """Three and a half hours; an hour and a half; an hour and a quarter."""
    whole = _n(found["n"] or "1") + _share(found)
    return f"{whole:g}{SPELLED} {found['unit']}s"


def _share(found: re.Match[str]) -> float:
    part = _PARTS.get((found["part"] or "half").lower(), 2)
    count = found.groupdict().get("c") or "1"
    return _n(count) / part


def _part(found: re.Match[str]) -> str:
    """A third of them, two fifths; but not a third pod."""
    ordinal = not found["s"] and re.match(r" (?!(?:of|more|less|fewer|\w+er|\w+ed|as|in|is|are|was|were|from|than|within|by|and|at|on|for|since|when|while|before|or|but|that|which|so|with|during|until|if|too|to|only|now|left|free|full)\b)[a-z]", found.string[found.end() :])  # fmt: skip
    return found.group() if ordinal else f"{100 * _share(found):.6g}{SPELLED} %"


def _span(found: re.Match[str]) -> str:
    """Half an hour, three quarters of an hour: in the next smaller unit."""
    unit, size = _BELOW[found["unit"].lower()]
    return f"{_share(found) * size:g}{SPELLED} {unit}"


def _added(found: re.Match[str]) -> str:
    unit, size = _BELOW[found["unit"].lower()]
    return f"{_n(found['n']) * size + _n(found['m']):g} {unit}"


_OR_TWO = re.compile(rf"\b(?:an?|one) ({_TIME}) or (?:two|so)\b", re.IGNORECASE)
_ODD = re.compile(rf"\b(\d+{SPELLED}?)-odd ", re.IGNORECASE)
_BETWEEN = re.compile(
    rf"\bbetween (\d+(?:\.\d+)?){SPELLED}? and (\d+(?:\.\d+)?){SPELLED}?", re.IGNORECASE
)
_EVERY = re.compile(rf"\bevery (?!second [a-z])(?={_TIME}\b)", re.IGNORECASE)
_N = rf"\d+(?:\.\d+)?{SPELLED}?"
_I = re.IGNORECASE
_IDIOMS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"\b(?P<n>{_N}|an?|one) (?P<unit>{_TIME})s? and (?:an?|one) {_PART}\b", _I), _mixed),
    (re.compile(rf"\b(?P<n>{_N}|one) and (?:an?|one) {_PART}(?: of an?)? (?P<unit>{_TIME})s?\b", _I), _mixed),
    (re.compile(rf"\b(?P<n>an?|one|{_N}) (?P<unit>hour|minute|day)s? and (?P<m>{_N}) (?:minute|second|hour)s?\b", _I), _added),
    (re.compile(rf"\b(?P<c>an? |one |{_N} )?{_PART} (?:of )?(?:an?|one|the) (?P<unit>{_TIME})\b(?! (?:past|to)\b)", _I), _span),
    (re.compile(rf"\b(?:a )?{_PART} (?:of )?(?:an?|one) percent\b", _I), lambda m: f"{_share(m):g}{SPELLED} %"),
    (re.compile(rf"\b(?P<n>{_N}|one) and a half\b", _I), lambda m: f"{_n(m['n']) + 0.5:g}{SPELLED}"),
    (re.compile(rf"\b(?P<n>{_N}) and (?:an?|one) (?P<part>quarter|third)\b", _I), lambda m: f"{_n(m['n']) + _share(m):g}{SPELLED}"),
    (re.compile(rf"\b(?P<c>an?|one|{_N})[ -](?P<part>{'|'.join(p for p in _PARTS if p != 'half')})(?P<s>s?)\b(?! (?:past|to|of an?)\b)", _I), _part),
    (re.compile(r"\b(?:one )?half(?= (?:of|the|its|their|as|that)\b|[.,;:]|$)|(?<=\bby )half\b|(?<=\bthan )half\b(?! (?:an?|past)\b)|(?<=\bnot )half\b(?= of\b)", _I), f"50{SPELLED} %"),
    (re.compile(r"\bhalved\b", _I), f"by 50{SPELLED} %"),
    (re.compile(rf"\b({_N})[- ]?fold\b", _I), lambda m: f"{_n(m[1]):g}{SPELLED} ×"),
    (re.compile(rf"\b({'|'.join(_ONES[1:] + _TENS)})fold\b", _I), lambda m: f"{_VALUES[m[1].lower()]}{SPELLED} ×"),
    (re.compile(r"\b(hundred|thousand)fold\b", _I), lambda m: f"{_SCALES[m[1].lower()]}{SPELLED} ×"),
    (re.compile(rf"\b(?:{'|'.join(_MULTIPLES)})\b(?! (?:a|an|per|every|the (?:day|night))\b)", _I), lambda m: f"{_MULTIPLES[m.group().lower()]}{SPELLED} {'times' if m.group().lower() in ('twice', 'thrice') else '×'}"),
    (re.compile(rf"\b(multiplied) by ({_N})", _I), lambda m: f"{m[1]} by {m[2]} ×"),
    (re.compile(rf"\b(?:a )?factor of ((?:[a-z]+ ){{0,2}}?)({_N})(?: or {_N})?", _I), lambda m: f"{m[1]}{m[2]} ×"),
    (re.compile(rf"\bevery (?:other|second) (?={_TIME}\b)", _I), f"every 2{SPELLED} "),
    (re.compile(rf"\bone(?= {_TIME}s?\b)|\bone(?= (?:percent|per cent|%))", _I), f"1{SPELLED}"),
    (re.compile(rf"\b(than|for|within|took|takes?|lasted|lasts?|over|nearly|almost|about|just|be|is|was) an? (?=(?:whole |full |good )?{_TIME}\b)", _I), lambda m: f"{m[1]} 1{SPELLED} "),
    (re.compile(rf"\ban? (?:good |full |whole |couple of )?(?={_TIME} (?:or so |or two )?(?:before|after|later|earlier|ahead|ago|long|apart|behind|too)\b)", _I), f"1{SPELLED} "),
    (re.compile(r"\b(?:only )?one(?= (?:of|in|out of) (?:the |its |their |an? |every )?\d)", _I), "1"),
    (re.compile(r"\b(allows?|exactly) one(?= [a-z])", _I), lambda m: f"{m[1]} 1{SPELLED}"),
)  # fmt: skip
