"""awk, as far as it prints fields: '[CONDITION] {print …}' and -F. Nothing of it can run or write."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.tools.shell.grep import translate
from copilot.tools.shell.options import no_files, parse
from copilot.tools.shell.words import Refused

_TOKEN = re.compile(
    r"\s*(?:(?P<field>\$(?:\d{1,4}|NF(?:\s*-\s*\d{1,4})?|\(NF\s*-\s*\d{1,4}\)))|(?P<name>NR|NF)\b"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\")|(?P<number>\d+(?:\.\d+)?)|(?P<regex>/(?:[^/\\]|\\.)+/)"
    r"|(?P<op>==|!=|<=|>=|<|>|!~|~|&&|\|\||!|\(|\)|,))",
    re.ASCII,
)
_USAGE = "awk '{print $1, $3}', awk '$3 > 5 {print $1}', awk -F: '/text/ {print $2}'"

Filter = Callable[[str], str]
Token = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Record:
    number: int
    line: str
    fields: tuple[str, ...]

    def value(self, token: Token) -> str | float:
        kind, text = token
        if kind == "name":
            return float(self.number if text == "NR" else len(self.fields))
        if kind == "number":
            return float(text)
        if kind == "text":
            return _text(text)
        return self.field(text)

    def field(self, text: str) -> str:
        inner = text[1:].strip("()").replace(" ", "")
        if inner.startswith("NF"):
            index = len(self.fields) - int(inner.partition("-")[2] or 0)
        else:
            index = int(inner)
        if index == 0:
            return self.line
        return self.fields[index - 1] if 0 < index <= len(self.fields) else ""


Condition = Callable[[_Record], bool]


def awk(words: Sequence[str]) -> Filter:
    """Return the filter of an awk program that prints. Raises `Refused`."""
    options, rest = parse("awk", words, {}, {"-F": "F", "--field-separator": "F"})
    if not rest:
        raise Refused("awk without a program", _USAGE)
    no_files("awk", rest[1:])
    separator = next((value for _, value in reversed(options)), "")
    rules = _rules(rest[0])
    split = _splitter(separator)

    def run(text: str) -> str:
        out: list[str] = []
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        for index, line in enumerate(lines, 1):
            record = _Record(index, line, split(line))
            for condition, prints in rules:
                if condition(record):
                    out += [action(record) for action in prints]
        return "".join(f"{line}\n" for line in out)

    return run


def _splitter(separator: str) -> Callable[[str], tuple[str, ...]]:
    if separator in ("", " "):
        return lambda line: tuple(line.split())
    if separator == "\\t" or len(separator) == 1:
        plain = "\t" if separator == "\\t" else separator
        return lambda line: tuple(line.split(plain)) if line else ()
    try:
        pattern = re.compile(translate(separator, True))
    except re.error:
        raise Refused(f'awk: "{separator}" is not a separator') from None
    return lambda line: tuple(pattern.split(line)) if line else ()


def _rules(program: str) -> list[tuple[Condition, list[Callable[[_Record], str]]]]:
    rules: list[tuple[Condition, list[Callable[[_Record], str]]]] = []
    rest = program.strip()
    if not rest:
        raise Refused("awk without a program", _USAGE)
    while rest:
        head, brace, rest = _until(rest, "{")
        condition = _condition(head.strip())
        if not brace:
            rules.append((condition, [lambda record: record.line]))
            break
        body, closing, rest = _until(rest, "}")
        if not closing:
            raise Refused("awk: a brace that is not closed", _USAGE)
        rules.append((condition, [_print(part.strip()) for part in _statements(body)]))
        rest = rest.strip().lstrip(";").strip()
    return rules


def _until(text: str, mark: str) -> tuple[str, str, str]:
    """Split at the first `mark` outside of texts and patterns."""
    at, quote = 0, ""
    while at < len(text):
        character = text[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character == '"' or (character == "/" and mark == "{"):
            quote = character
        elif character == mark:
            return text[:at], mark, text[at + 1 :]
        at += 1
    return text, "", ""


def _statements(body: str) -> list[str]:
    found = []
    while body:
        part, _, body = _until(body, ";")
        if part.strip():
            found.append(part)
    if not found:
        raise Refused("awk without print", _USAGE)
    return found


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Refused(f'awk: "{text[at:].strip()[:40]}"', _USAGE)
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _print(statement: str) -> Callable[[_Record], str]:
    match = re.fullmatch(r"print\b(.*)", statement, re.DOTALL)
    if not match:
        raise Refused(f'awk: "{statement[:40]}", only print is understood', _USAGE)
    inner = match[1].strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    groups: list[list[Token]] = [[]]
    for token in _tokens(inner):
        if token == ("op", ","):
            groups.append([])
        elif token[0] in ("op", "regex"):
            raise Refused(f'awk: "{token[1]}" in print: no redirection, no pipes', _USAGE)
        else:
            groups[-1].append(token)
    if inner and not all(groups):
        raise Refused("awk: an empty place in print", _USAGE)
    if not inner:
        return lambda record: record.line

    def run(record: _Record) -> str:
        return " ".join("".join(_shown(record.value(token)) for token in group) for group in groups)

    return run


def _condition(text: str) -> Condition:
    if not text:
        return lambda record: True
    if text in ("BEGIN", "END"):
        raise Refused(f"awk {text}", _USAGE)
    tokens = _tokens(text)
    condition, at = _either(tokens, 0)
    if at != len(tokens):
        raise Refused(f'awk: "{text[:60]}" as a condition', _USAGE)
    return condition


def _either(tokens: list[Token], at: int) -> tuple[Condition, int]:
    left, at = _both(tokens, at)
    while at < len(tokens) and tokens[at] == ("op", "||"):
        first, (second, at) = left, _both(tokens, at + 1)
        left = _or(first, second)
    return left, at


def _both(tokens: list[Token], at: int) -> tuple[Condition, int]:
    left, at = _single(tokens, at)
    while at < len(tokens) and tokens[at] == ("op", "&&"):
        first, (second, at) = left, _single(tokens, at + 1)
        left = _and(first, second)
    return left, at


def _or(first: Condition, second: Condition) -> Condition:
    return lambda record: first(record) or second(record)


def _and(first: Condition, second: Condition) -> Condition:
    return lambda record: first(record) and second(record)


def _not(inner: Condition) -> Condition:
    return lambda record: not inner(record)


def _single(tokens: list[Token], at: int) -> tuple[Condition, int]:
    if at >= len(tokens):
        raise Refused("awk: a condition that ends too soon", _USAGE)
    kind, text = tokens[at]
    if (kind, text) == ("op", "!"):
        inner, at = _single(tokens, at + 1)
        return _not(inner), at
    if (kind, text) == ("op", "("):
        inner, at = _either(tokens, at + 1)
        if tokens[at : at + 1] != [("op", ")")]:
            raise Refused("awk: a bracket that is not closed", _USAGE)
        return inner, at + 1
    if kind == "regex":
        pattern = _regex(text)
        return (lambda record: pattern.search(record.line) is not None), at + 1
    if kind == "op":
        raise Refused(f'awk: "{text}" at the beginning of a condition', _USAGE)
    left = tokens[at]
    operator = tokens[at + 1] if at + 1 < len(tokens) else ("", "")
    if operator[0] != "op" or operator[1] in ("&&", "||", ")", ",", "(", "!"):
        return (lambda record: _true(record.value(left))), at + 1
    if at + 2 >= len(tokens) or tokens[at + 2][0] == "op":
        raise Refused("awk: a comparison that ends too soon", _USAGE)
    right = tokens[at + 2]
    if operator[1] in ("~", "!~"):
        matcher = _regex(right[1])
        wanted = operator[1] == "~"
        return (
            lambda record: (matcher.search(_shown(record.value(left))) is not None) == wanted
        ), at + 3
    return (lambda record: _compare(record, left, operator[1], right)), at + 3


def _compare(record: _Record, left: Token, operator: str, right: Token) -> bool:
    first: Any = record.value(left)
    second: Any = record.value(right)
    numbers = [_number(value, token) for value, token in ((first, left), (second, right))]
    if None not in numbers:
        first, second = numbers
    else:
        first, second = _shown(first), _shown(second)
    results = {
        "==": first == second,
        "!=": first != second,
        "<": first < second,
        ">": first > second,
        "<=": first <= second,
        ">=": first >= second,
    }
    return bool(results[operator])


def _number(value: str | float, token: Token) -> float | None:
    """Return a field that looks like a number as one; a quoted text never is."""
    if isinstance(value, float):
        return value
    if token[0] == "text" or not re.fullmatch(
        r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*", value, re.ASCII
    ):
        return None
    return float(value)


def _regex(text: str) -> re.Pattern[str]:
    body = text[1:-1].replace("\\/", "/") if text[:1] in '/"' else text
    try:
        return re.compile(translate(body, True))
    except (re.error, OverflowError, RecursionError):
        raise Refused(f"awk: {text} is not a regular expression") from None


def _true(value: str | float) -> bool:
    if isinstance(value, float):
        return value != 0
    number = _number(value, ("field", ""))
    return bool(value) if number is None else number != 0


def _shown(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if value == int(value) else f"{value:.6g}"


def _text(quoted: str) -> str:
    escapes = {"n": "\n", "t": "\t"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), quoted[1:-1])
