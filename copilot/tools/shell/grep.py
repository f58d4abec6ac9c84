"""grep: basic, extended and fixed patterns, as GNU grep reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from copilot.tools.shell.options import no_files, number, parse
from copilot.tools.shell.words import Refused

Filter = Callable[[str], str]

_SWITCHES = {
    **{f"-{letter}": letter for letter in "EFGivconwxhs"},
    "--extended-regexp": "E",
    "--fixed-strings": "F",
    "--basic-regexp": "G",
    "--ignore-case": "i",
    "--invert-match": "v",
    "--count": "c",
    "--only-matching": "o",
    "--line-number": "n",
    "--word-regexp": "w",
    "--line-regexp": "x",
    "--no-filename": "h",
    "--line-buffered": "h",
    "--color": "h",
    "--colour": "h",
}
_VALUED = {
    **{f"-{letter}": letter for letter in "ABCem"},
    "--after-context": "A",
    "--before-context": "B",
    "--context": "C",
    "--regexp": "e",
    "--max-count": "m",
}
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def grep(words: Sequence[str], *, kind: str = "G") -> Filter:
    """Return the filter of one grep command line. Raises `Refused`."""
    ignored = {"--color=never", "--color=auto", "--color=always", "--colour=never"}
    options, rest = parse(
        "grep", _numbered([w for w in words if w not in ignored]), _SWITCHES, _VALUED
    )
    given = dict(options)
    kind = next((letter for letter, _ in reversed(options) if letter in "EFG"), kind)
    patterns = [value for letter, value in options if letter == "e"]
    if not patterns:
        if not rest:
            raise Refused("grep without a pattern")
        patterns = [rest.pop(0)]
    no_files("grep", rest)
    around = number("grep", given.get("C", "0"))
    before = number("grep", given["B"]) if "B" in given else around
    after = number("grep", given["A"]) if "A" in given else around
    most = number("grep", given["m"]) if "m" in given else None
    pattern = _compiled(patterns, kind, given)
    inverted = "v" in given

    def run(text: str) -> str:
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        hits: list[int] = []
        for index, line in enumerate(lines):
            if most is not None and len(hits) >= most:
                break
            if (pattern.search(line) is not None) != inverted:
                hits.append(index)
        if "c" in given:
            return f"{len(hits)}\n"
        numbered = "n" in given
        if "o" in given:
            if inverted:
                return ""
            return "".join(
                f"{index + 1}:{match[0]}\n" if numbered else f"{match[0]}\n"
                for index in hits
                for match in pattern.finditer(lines[index])
                if match[0]
            )
        return _printed(lines, hits, before, after, numbered, _separated(given))

    return run


def _separated(given: dict[str, str]) -> bool:
    return any(letter in given for letter in "ABC")


def _printed(
    lines: list[str], hits: list[int], before: int, after: int, numbered: bool, separated: bool
) -> str:
    out: list[str] = []
    chosen = set(hits)
    last = -1
    for index in hits:
        start, end = max(index - before, last + 1), min(index + after, len(lines) - 1)
        if separated and out and start > last + 1 and (before or after):
            out.append("--")
        for at in range(start, end + 1):
            if at > index and at in chosen:
                break
            mark = f"{at + 1}{':' if at in chosen else '-'}" if numbered else ""
            out.append(mark + lines[at])
            last = at
    return "".join(f"{line}\n" for line in out)


def _numbered(words: list[str]) -> list[str]:
    """Read "-3" as "-C 3"."""
    return [f"-C{word[1:]}" if re.fullmatch(r"-\d{1,6}", word) else word for word in words]


def _compiled(patterns: Sequence[str], kind: str, given: dict[str, str]) -> re.Pattern[str]:
    each = [line for pattern in patterns for line in pattern.split("\n")]
    translated = [re.escape(one) if kind == "F" else translate(one, kind == "E") for one in each]
    whole = "|".join(f"(?:{one})" for one in translated)
    if "x" in given:
        whole = f"^(?:{whole})$"
    elif "w" in given:
        whole = rf"(?<!\w)(?:{whole})(?!\w)"
    try:
        return re.compile(whole, re.IGNORECASE if "i" in given else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(f"grep: the pattern is not a regular expression ({error})") from None


def translate(pattern: str, extended: bool) -> str:
    """Return a POSIX pattern as Python writes it."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        following = pattern[at + 1 : at + 2]
        if character == "[":
            text, at = _bracket(pattern, at)
            out.append(text)
            continue
        if character == "\\" and following:
            at += 2
            if following in "(){}|+?":
                out.append(f"\\{following}" if extended else following)
            elif following in "<>":
                out.append(r"\b")
            elif following.isdigit() or following in "bBwWsS":
                out.append(f"\\{following}")
            else:
                out.append(re.escape(following))
            continue
        at += 1
        if character in "(){}|+?" and not extended:
            out.append(f"\\{character}")
        elif character == "*" and (not out or (not extended and pattern[:at] in ("*", "^*"))):
            out.append(r"\*")
        elif character == "\\":
            raise Refused("grep: the pattern ends with a backslash")
        elif character == "{" and not re.match(r"\d*(?:,\d*)?\}", pattern[at:]):
            out.append(r"\{")
        elif character in "^$.*(){}|+?":
            out.append(character)
        else:
            out.append(re.escape(character))
    return "".join(out)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    end = at + 1
    negated = pattern[end : end + 1] == "^"
    end += negated
    parts: list[str] = []
    first = True
    while end < len(pattern) and (first or pattern[end] != "]"):
        first = False
        named = re.match(r"\[:(\w+):\]", pattern[end:])
        if named:
            if named[1] not in _CLASSES:
                raise Refused(f"grep: the class [:{named[1]}:]")
            parts.append(_CLASSES[named[1]])
            end += len(named[0])
            continue
        character = pattern[end]
        parts.append(f"\\{character}" if character in "\\[]^&~|" else character)
        end += 1
    if end >= len(pattern):
        raise Refused("grep: a bracket that is not closed")
    return f"[{'^' if negated else ''}{''.join(parts)}]", end + 1


def simple(words: Sequence[str]) -> bool:
    """Say whether no pattern among `words` can take long: no repeated group, few repeats."""
    text = " ".join(words)
    return not re.search(r"\)\\?[*+?{]|\\\d", text) and len(re.findall(r"[*+{]", text)) <= 2
