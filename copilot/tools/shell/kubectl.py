"""Reads kubectl's own command line, as kubectl would, and holds it to what only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from copilot.tools.shell.verbs import (
    CONTEXT,
    GROUPS,
    NAMESPACE,
    REFUSED_FLAGS,
    REFUSED_VERBS,
    TIMEOUT,
    VERBS,
    WRITES,
    Flag,
    Verb,
)
from copilot.tools.shell.words import Refused, Word

_GLOBAL = {flag.name: flag for flag in (NAMESPACE, CONTEXT, TIMEOUT)}
_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f")


_INSTEAD_OF_WORDS = frozenset({("logs", "selector"), ("auth can-i", "list")})
"""(verb, option) where the option says by itself what the verb is about: `logs -l app=cart`."""


@dataclass(frozen=True, slots=True)
class Call:
    """A read by kubectl. `flags` are long names with their values, switches "true" or "false"."""

    verb: Verb
    words: tuple[str, ...]
    flags: tuple[tuple[str, str], ...] = ()

    def flag(self, name: str) -> str:
        """Return the last value of an option, "" when it is not given."""
        return next((value for key, value in reversed(self.flags) if key == name), "")

    def on(self, name: str) -> bool:
        """Say whether a switch is set."""
        return self.flag(name) == "true"


@dataclass(frozen=True, slots=True)
class Write:
    """A verb that changes something, with everything that follows it, unread."""

    verb: str
    words: tuple[str, ...]


def read(words: Sequence[Word]) -> Call | Write:
    """Return what a kubectl command line asks for. Raises `Refused`."""
    _check(words)
    texts = [word.text for word in words[1:]]
    flags, texts = _flags(texts, _GLOBAL, stop=True)
    if not texts or not texts[0].strip():
        raise Refused("kubectl without a verb", f"use one of: {', '.join(VERBS)}")
    name = texts[0]
    if name in GROUPS and len(texts) > 1:
        name = f"{name} {texts[1]}"
    if name == "cluster-info" and texts[1:2] == ["dump"]:
        name = "cluster-info dump"
    plain = [word for word in words if word.text in name.split()]
    if not all(word.plain for word in plain[: len(name.split())]):
        raise Refused("a quoted verb", "write the verb plainly")
    if name == "log":
        name = "logs"
    if name in WRITES or name.split()[0] in WRITES:
        return Write(
            name, (*(f"--{key}={value}" for key, value in flags), *texts[len(name.split()) :])
        )
    if name in REFUSED_VERBS:
        reason, instead = REFUSED_VERBS[name]
        raise Refused(f"kubectl {name}: {reason}", f"use {instead}" if instead else "")
    verb = VERBS.get(name)
    if verb is None:
        near = tuple(get_close_matches(name, [*VERBS, *WRITES], 3, 0.6))
        raise Refused(
            f'kubectl has no read verb "{name}" (plugins are not run)',
            f"use one of: {', '.join(VERBS)}",
            near,
        )
    more, rest = _flags(texts[len(name.split()) :], verb.flags)
    least = 0 if any((name, key) in _INSTEAD_OF_WORDS for key, _ in more) else verb.least
    if not least <= len(rest) <= verb.most:
        raise Refused(f"kubectl {name} with {len(rest)} words after it", _usage(name))
    return Call(verb, tuple(rest), (*flags, *more))


def _check(words: Sequence[Word]) -> None:
    for word in words:
        if not word.text.isascii():
            raise Refused(f'characters that are not ASCII in "{word.text}"', "write ASCII")
        if "\n" in word.text or "\t" in word.text:
            raise Refused("line breaks or tabs inside a word")
    if not words[0].plain:
        raise Refused("a quoted command", "write kubectl plainly")


def _flags(
    texts: list[str], known: dict[str, Flag] | object, *, stop: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """Split options from words. With `stop`, the first word ends the options."""
    assert isinstance(known, dict)
    found: list[tuple[str, str]] = []
    rest: list[str] = []
    queue = list(texts)
    while queue:
        text = queue.pop(0)
        if text == "--":
            raise Refused('"--", after which nothing is an option')
        if text.startswith("--"):
            name, equals, value = text[2:].partition("=")
            found.append(_long(name, value if equals else None, known, queue))
        elif text.startswith("-") and len(text) > 1:
            found += _short(text[1:], known, queue)
        elif text == "-":
            raise Refused('"-", which reads the standard input')
        elif stop:
            return found, [text, *queue]
        else:
            rest.append(text)
    return found, rest


def _long(
    name: str, value: str | None, known: dict[str, Flag], queue: list[str]
) -> tuple[str, str]:
    flag = known.get(name)
    if flag is None:
        raise _unknown(f"--{name}", name, known)
    if flag.pattern is None:
        lowered = "true" if value is None else value.lower()
        if lowered not in (*_TRUE, *_FALSE):
            raise Refused(f'"{value}" for --{name}, which is true or false')
        return name, "true" if lowered in _TRUE else "false"
    if value is None:
        if not queue:
            raise Refused(f"--{name} without a value")
        value = queue.pop(0)
    return name, _valid(flag, value)


def _short(letters: str, known: dict[str, Flag], queue: list[str]) -> list[tuple[str, str]]:
    """Read "-A", "-nshop", "-n=shop", "-n shop" and switches put together."""
    found: list[tuple[str, str]] = []
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = next((flag for flag in known.values() if flag.short == letter), None)
        if flag is None:
            raise _unknown(f"-{letter}", letter, known)
        if flag.pattern is None:
            if letters.startswith("="):
                found.append(_long(flag.name, letters[1:], known, queue))
                return found
            found.append((flag.name, "true"))
            continue
        if not letters:
            if not queue:
                raise Refused(f"-{letter} without a value")
            letters = queue.pop(0)
        elif letters[0] == "=" and len(letters) > 1:
            letters = letters[1:]
        found.append((flag.name, _valid(flag, letters)))
        return found
    return found


def _valid(flag: Flag, value: str) -> str:
    assert flag.pattern is not None
    if not flag.pattern.fullmatch(value):
        raise Refused(f'"{value}" as the value of --{flag.name}')
    return value


def _unknown(shown: str, name: str, known: dict[str, Flag]) -> Refused:
    reason = REFUSED_FLAGS.get(name, "it is not among the options that only read")
    near = tuple(f"--{one}" for one in get_close_matches(name, known, 2, 0.7))
    return Refused(f"the option {shown}: {reason}", "leave it away", near)


def _usage(name: str) -> str:
    return {
        "get": "kubectl get KIND [NAME]",
        "describe": "kubectl describe KIND [NAME]",
        "top": "kubectl top pods, or kubectl top nodes",
        "explain": "kubectl explain KIND.FIELD",
    }.get(name, f"write kubectl {name} with fewer words")
