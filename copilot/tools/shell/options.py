"""Reads the options of text filters, as getopt does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from copilot.tools.shell.words import Refused

Options = dict[str, str]
_FILES = ("f", "file", "r", "R", "recursive", "include", "exclude", "exclude-dir", "exclude-from")
_WHY: Mapping[tuple[str, str], str] = {
    **{("grep", name): "it reads files" for name in _FILES},
    ("tail", "f"): "it never ends",
    ("tail", "F"): "it never ends",
    ("tail", "follow"): "it never ends",
    ("tail", "retry"): "it never ends",
    ("sort", "o"): "it writes a file",
    ("sort", "output"): "it writes a file",
    ("sort", "T"): "it writes files",
    ("sort", "temporary-directory"): "it writes files",
    ("sort", "compress-program"): "it runs a program",
    ("sort", "files0-from"): "it reads files",
    ("wc", "files0-from"): "it reads files",
    ("awk", "f"): "it reads a file",
    ("awk", "file"): "it reads a file",
    ("jq", "f"): "it reads a file",
    ("jq", "from-file"): "it reads a file",
    ("jq", "L"): "it reads files",
    ("jq", "slurpfile"): "it reads a file",
    ("jq", "rawfile"): "it reads a file",
}


def parse(
    command: str,
    words: Sequence[str],
    switches: Mapping[str, str],
    valued: Mapping[str, str],
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return (letter, value) pairs and the other words.

    `switches` and `valued` map every accepted spelling ("-i", "--ignore-case") to its letter.
    Raises `Refused` for everything else.
    """
    found: list[tuple[str, str]] = []
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            return found, [*rest, *queue]
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if name in switches and not equals:
                found.append((switches[name], ""))
            elif name in valued:
                found.append((valued[name], value if equals else _next(command, name, queue)))
            else:
                raise _unknown(command, word)
        elif word.startswith("-") and len(word) > 1:
            letters = word[1:]
            while letters:
                letter, letters = f"-{letters[0]}", letters[1:]
                if letter in switches:
                    found.append((switches[letter], ""))
                elif letter in valued:
                    found.append((valued[letter], letters or _next(command, letter, queue)))
                    break
                else:
                    raise _unknown(command, letter)
        else:
            rest.append(word)
    return found, rest


def no_files(command: str, words: Sequence[str]) -> None:
    """Refuse names of files. The standard input is all there is."""
    if words and list(words) != ["-"]:
        raise Refused(f'{command} "{words[0]}": files are not read', "filter what kubectl prints")


def number(command: str, value: str, *, least: int = 0) -> int:
    """Return an option's number. Raises `Refused`."""
    if not value.isdecimal() or not value.isascii() or len(value) > 9 or int(value) < least:
        raise Refused(f'{command}: "{value}" is not a number')
    return int(value)


def _next(command: str, name: str, queue: list[str]) -> str:
    if not queue:
        raise Refused(f"{command} {name} without a value")
    return queue.pop(0)


def _unknown(command: str, option: str) -> Refused:
    name = option.lstrip("-").partition("=")[0]
    reason = _WHY.get((command, name), "it is not among the options that are understood here")
    return Refused(f"the option {option} of {command}: {reason}", "leave it away")
