"""jq, by the bindings of the real one, in a process of its own with nothing to read or to write."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Sequence

from copilot.tools.shell.options import no_files, parse
from copilot.tools.shell.words import Refused

_SWITCHES = {
    **{f"-{letter}": letter for letter in "rcsSneRjMa"},
    "--raw-output": "r",
    "--compact-output": "c",
    "--slurp": "s",
    "--sort-keys": "S",
    "--null-input": "n",
    "--exit-status": "e",
    "--raw-input": "R",
    "--join-output": "j",
    "--monochrome-output": "M",
    "--tab": "t",
}
# Words of the language that look outside of what is given, or end the program.
_OUTSIDE = re.compile(
    r"(?<![.\w$])(?:import|include|modulemeta|env|input_filename|get_search_list|halt|halt_error"
    r"|debug|stderr|input_line_number|\$__prog_args)\b|\$ENV\b|\$__loc__"
)
_STRING = re.compile(r'"(?:[^"\\]|\\[^(])*"')


def jq(words: Sequence[str]) -> Callable[[str], str]:
    """Return the filter of one jq command line. Raises `Refused`."""
    words, arguments = _arguments(list(words))
    options, rest = parse("jq", words, _SWITCHES, {"--indent": "i"})
    given = dict(options)
    program = rest.pop(0) if rest else "."
    no_files("jq", rest)
    outside = _OUTSIDE.search(_STRING.sub('""', program))
    if outside:
        raise Refused(f'jq: "{outside[0]}", which looks outside of the input')
    indent = given.get("i", "2")
    if indent not in list("01234567"):
        raise Refused("jq: --indent takes 0 to 7")

    def run(text: str) -> str:
        return _run(program, text, arguments, given, int(indent))

    return run


def _arguments(words: list[str]) -> tuple[list[str], dict[str, object]]:
    """Take "--arg name value" and "--argjson name value" out of the words."""
    rest: list[str] = []
    found: dict[str, object] = {}
    while words:
        word = words.pop(0)
        if word not in ("--arg", "--argjson"):
            rest.append(word)
            continue
        if len(words) < 2:
            raise Refused(f"jq: {word} needs a name and a value")
        name, value = words.pop(0), words.pop(0)
        try:
            found[name] = json.loads(value) if word == "--argjson" else value
        except ValueError:
            raise Refused(f"jq: {value!r} is not JSON") from None
    return rest, found


def _run(
    program: str, text: str, arguments: dict[str, object], given: dict[str, str], indent: int
) -> str:
    try:
        library = importlib.import_module("jq")
    except ImportError:
        raise Refused(
            "jq is not installed here", "pip install 'incident-copilot[shell]', or -o jsonpath"
        ) from None
    try:
        compiled = library.compile(program, args=arguments)
        if "n" in given:
            source = compiled.input_value(None)
        elif "R" in given:
            whole = text if "s" in given else None
            source = (
                compiled.input_value(whole)
                if whole is not None
                else compiled.input_values(text.splitlines())
            )
        else:
            source = compiled.input_text(text, slurp="s" in given)
        values = source.all()
    except ValueError as error:
        raise Refused(f"jq: {' '.join(str(error).split())[:300]}") from None
    return "".join(_shown(value, given, indent) for value in values)


def _shown(value: object, given: dict[str, str], indent: int) -> str:
    raw = "r" in given or "j" in given
    end = "" if "j" in given else "\n"
    if raw and isinstance(value, str):
        return value + end
    compact = "c" in given or indent == 0
    return (
        json.dumps(
            value,
            ensure_ascii="a" in given,
            sort_keys="S" in given,
            indent=None if compact else ("\t" if "t" in given else indent),
            separators=(",", ":") if compact else None,
        ).replace("\x7f", "\\u007f")
        + end
    )
