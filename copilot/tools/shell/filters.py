"""The text filters of a pipeline: head, tail, sort, uniq, wc, cut. All of them read text only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.tools.shell import awk, grep, jq
from copilot.tools.shell.options import no_files, number, parse
from copilot.tools.shell.words import Refused, Word

Filter = Callable[[str], str]

_INSTEAD = {
    "sed": "grep, cut, head or awk '{print $1}'",
    "xargs": "one call for each command: it runs programs",
    "tee": "the output as it is: it writes files",
    "less": "head -n 50",
    "more": "head -n 50",
    "cat": "the output as it is",
    "python": "jq or awk '{print $1}'",
    "python3": "jq or awk '{print $1}'",
    "perl": "grep -o or cut",
    "ruby": "grep -o or cut",
    "sh": "kubectl and filters only",
    "bash": "kubectl and filters only",
    "column": "the output as it is",
    "tr": "cut or awk '{print $1}'",
    "yq": "-o json | jq",
    "base64": "the output as it is: decoding could show what redaction cannot see",
    "xxd": "the output as it is",
    "watch": "one call",
    "kubectl": "kubectl only at the beginning",
    "rev": "the output as it is",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One filter: what it does, and whether it may run long and so needs a process of its own."""

    name: str
    words: tuple[str, ...]
    run: Filter
    alone: bool = False


def stage(words: Sequence[Word]) -> Stage:
    """Return the filter that a part of a pipeline means. Raises `Refused`."""
    name, rest = words[0].text, tuple(word.text for word in words[1:])
    make = _FILTERS.get(name)
    if make is None or not words[0].plain:
        raise Refused(
            f'the command "{name}"',
            _INSTEAD.get(name, f"the filters {', '.join(_FILTERS)}"),
        )
    alone = name == "jq" or (name in ("grep", "egrep", "awk") and not grep.simple(rest))
    return Stage(name, rest, make(rest), alone)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def head(words: Sequence[str]) -> Filter:
    """Return `head -n N`, `head -N`, `head -n -N`."""
    count = _count("head", words)
    least = int(count)

    def run(text: str) -> str:
        lines = _lines(text)
        return _text(
            lines[:least] if not count.startswith("-") else lines[: max(len(lines) + least, 0)]
        )

    return run


def tail(words: Sequence[str]) -> Filter:
    """Return `tail -n N`, `tail -N`, `tail -n +N`."""
    count = _count("tail", words)

    def run(text: str) -> str:
        lines = _lines(text)
        if count.startswith("+"):
            return _text(lines[max(int(count) - 1, 0) :])
        size = abs(int(count))
        return _text(lines[-size:] if size else [])

    return run


def _count(command: str, words: Sequence[str]) -> str:
    if words and re.fullmatch(r"-\d{1,9}", words[0]):
        words = [f"-n{words[0][1:]}", *words[1:]]
    options, rest = parse(command, words, {"-q": "q"}, {"-n": "n", "--lines": "n"})
    no_files(command, rest)
    value = next((value for letter, value in reversed(options) if letter == "n"), "10")
    if not re.fullmatch(r"[+-]?\d{1,9}", value) or not value.isascii():
        raise Refused(f'{command}: "{value}" is not a number of lines')
    return value


def uniq(words: Sequence[str]) -> Filter:
    """Return `uniq` with -c -d -u -i -f N -s N."""
    switches = {f"-{letter}": letter for letter in "cdui"}
    switches |= {"--count": "c", "--repeated": "d", "--unique": "u", "--ignore-case": "i"}
    options, rest = parse("uniq", words, switches, {"-f": "f", "-s": "s"})
    no_files("uniq", rest)
    given = dict(options)
    fields, characters = (number("uniq", given.get(name, "0")) for name in "fs")

    def key(line: str) -> str:
        match = re.match(rf"(?:[ \t]*[^ \t]+){{0,{fields}}}", line) if fields else None
        line = line[match.end() if match else 0 :][characters:]
        return line.lower() if "i" in given else line

    def run(text: str) -> str:
        groups: list[tuple[str, str, int]] = []
        for line in _lines(text):
            if groups and groups[-1][1] == key(line):
                groups[-1] = (groups[-1][0], groups[-1][1], groups[-1][2] + 1)
            else:
                groups.append((line, key(line), 1))
        kept = [
            (line, count)
            for line, _, count in groups
            if not ("d" in given and count < 2) and not ("u" in given and count > 1)
        ]
        return _text([f"{count:7d} {line}" if "c" in given else line for line, count in kept])

    return run


def wc(words: Sequence[str]) -> Filter:
    """Return `wc` with -l -w -c -m."""
    switches = {f"-{letter}": letter for letter in "lwcm"}
    switches |= {"--lines": "l", "--words": "w", "--bytes": "c", "--chars": "m"}
    options, rest = parse("wc", words, switches, {})
    no_files("wc", rest)
    asked = {letter for letter, _ in options} or {"l", "w", "c"}

    def run(text: str) -> str:
        sizes = {
            "l": text.count("\n"),
            "w": len(text.split()),
            "m": len(text),
            "c": len(text.encode("utf-8", "surrogatepass")),
        }
        numbers = [sizes[letter] for letter in "lwmc" if letter in asked]
        return " ".join(str(n) if len(numbers) == 1 else f"{n:7d}" for n in numbers) + "\n"

    return run


def cut(words: Sequence[str]) -> Filter:
    """Return `cut` with -d and -f, or -c."""
    valued = {f"-{letter}": letter for letter in "dfcb"}
    valued |= {"--delimiter": "d", "--fields": "f", "--characters": "c", "--output-delimiter": "o"}
    switches = {"-s": "s", "--only-delimited": "s", "--complement": "x"}
    options, rest = parse("cut", words, switches, valued)
    no_files("cut", rest)
    given = dict(options)
    if ("f" in given) == ("c" in given or "b" in given):
        raise Refused("cut without -f or -c", "cut -d: -f1, or cut -c1-20")
    ranges = _ranges(given.get("f") or given.get("c") or given.get("b") or "")
    delimiter = given.get("d", "\t")
    if len(delimiter) != 1:
        raise Refused("cut: the delimiter must be one character")
    joint = given.get("o", delimiter if "f" in given else "")

    def picked(count: int) -> list[int]:
        inside = [any(low <= i + 1 <= high for low, high in ranges) for i in range(count)]
        return [i for i in range(count) if inside[i] != ("x" in given)]

    def run(text: str) -> str:
        out = []
        for line in _lines(text):
            if "f" in given and delimiter not in line:
                if "s" not in given:
                    out.append(line)
                continue
            parts: Sequence[str] = line.split(delimiter) if "f" in given else line
            out.append(joint.join(parts[i] for i in picked(len(parts))))
        return _text(out)

    return run


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,9})?(-)?(\d{1,9})?", part, re.ASCII)
        if not match or not (match[1] or match[3]):
            raise Refused(f'cut: "{text}" is not a list of fields')
        low = int(match[1] or 1)
        high = int(match[3]) if match[3] else (10**9 if match[2] else low)
        if low < 1 or high < low:
            raise Refused(f'cut: "{text}" is not a list of fields')
        found.append((low, high))
    return found


def sort(words: Sequence[str]) -> Filter:
    """Return `sort` with -r -n -g -h -V -u -f -b -t -k, by bytes as in the C locale."""
    letters = "rnghVufbs"
    switches = {f"-{letter}": letter for letter in letters}
    switches |= {"--reverse": "r", "--numeric-sort": "n", "--unique": "u", "--stable": "s"}
    switches |= {"--human-numeric-sort": "h", "--version-sort": "V", "--ignore-case": "f"}
    options, rest = parse(
        "sort", words, switches, {"-k": "k", "--key": "k", "-t": "t", "--field-separator": "t"}
    )
    no_files("sort", rest)
    flags = {letter for letter, _ in options}
    separator = next((value for letter, value in reversed(options) if letter == "t"), "")
    if "t" in flags and len(separator) != 1:
        raise Refused("sort: the separator must be one character")
    keys = [_key(value, flags) for letter, value in options if letter == "k"]
    whole = _Key(0, 0, 0, 0, frozenset(flags & set("rnghVfb")))

    def run(text: str) -> str:
        lines = _lines(text)
        if "s" not in flags and "u" not in flags:
            lines.sort(key=_bytes, reverse="r" in flags)
        for key in reversed(keys or [whole]):
            lines.sort(key=lambda line: key.of(line, separator), reverse="r" in key.flags)
        if "u" in flags:
            seen: set[Any] = set()
            unique = []
            for line in lines:
                mark = tuple(repr(key.of(line, separator)) for key in keys or [whole])
                if mark not in seen:
                    seen.add(mark)
                    unique.append(line)
            lines = unique
        return _text(lines)

    return run


def _bytes(line: str) -> bytes:
    return line.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class _Key:
    """A sort key: from character `at` of field `first` to character `until` of field `last`."""

    first: int
    at: int
    last: int
    until: int
    flags: frozenset[str]

    def of(self, line: str, separator: str) -> Any:
        text = self._part(line, separator) if self.first else line
        if "b" in self.flags:
            text = text.lstrip(" \t")
        if "n" in self.flags:
            match = re.match(r"\s*(-?\d*\.?\d*)", text, re.ASCII)
            digits = match[1] if match else ""
            return float(digits) if re.search(r"\d", digits) else 0.0
        if "g" in self.flags:
            match = re.match(r"\s*([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)", text, re.ASCII)
            return float(match[1]) if match else float("-inf")
        if "h" in self.flags:
            match = re.match(r"\s*(-?\d*\.?\d+)([KkMGTPE]?)", text, re.ASCII)
            return (
                (" KMGTPE".index(match[2].upper() or " "), float(match[1])) if match else (0, 0.0)
            )
        if "V" in self.flags:
            parts = re.findall(r"\d+|\D+", text, re.ASCII)
            return [(1, int(p), b"") if p.isdecimal() else (0, 0, _bytes(p)) for p in parts]
        return _bytes(text.upper() if "f" in self.flags else text)

    def _part(self, line: str, separator: str) -> str:
        fields = line.split(separator) if separator else re.findall(r"[ \t]*[^ \t]*", line)[:-1]
        joint = separator
        last = self.last or len(fields)
        chosen = list(fields[self.first - 1 : last])
        if not chosen:
            return ""
        if self.until and self.last and len(chosen) == self.last - self.first + 1:
            chosen[-1] = chosen[-1][: self.until]
        if self.at > 1:
            chosen[0] = chosen[0][self.at - 1 :]
        return joint.join(chosen)


def _key(text: str, flags: set[str]) -> _Key:
    match = re.fullmatch(
        r"(\d{1,4})(?:\.(\d{1,4}))?([rnghVfb]*)(?:,(\d{1,4})(?:\.(\d{1,4}))?([rnghVfb]*))?",
        text,
        re.ASCII,
    )
    if not match or int(match[1]) < 1:
        raise Refused(f'sort: "{text}" is not a key', "sort -k2,2n")
    own = set(match[3] or "") | set(match[6] or "")
    return _Key(
        int(match[1]),
        int(match[2] or 0),
        int(match[4] or 0),
        int(match[5] or 0),
        frozenset(own or flags & set("rnghVfb")),
    )


_FILTERS: Mapping[str, Callable[[Sequence[str]], Filter]] = {
    "grep": grep.grep,
    "egrep": lambda words: grep.grep(words, kind="E"),
    "fgrep": lambda words: grep.grep(words, kind="F"),
    "head": head,
    "tail": tail,
    "sort": sort,
    "uniq": uniq,
    "wc": wc,
    "cut": cut,
    "awk": awk.awk,
    "jq": jq.jq,
}
