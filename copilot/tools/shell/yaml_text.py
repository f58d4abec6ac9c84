"""Writes YAML as kubectl does: sorted keys, lists not indented, Go's rules of quoting."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any


def dump(value: Any) -> str:
    """Return a document as `kubectl -o yaml` prints it."""
    import yaml

    return str(
        yaml.dump(
            value,
            Dumper=_dumper(),
            default_flow_style=False,
            sort_keys=True,
            allow_unicode=True,
            width=80,
        )
    )


@cache
def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML with Go's choice of quotes."""

        # Go reads "=" as a plain text.
        yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class declares it
            key: value
            for key, value in yaml.SafeDumper.yaml_implicit_resolvers.items()
            if key != "="
        }

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def check_simple_key(self) -> bool:
            return bool(super().check_simple_key() or self.event_is_scalar())

        def event_is_scalar(self) -> bool:
            return isinstance(self.event, yaml.ScalarEvent) and "\n" not in self.event.value

    def text(dumper: Any, data: str) -> Any:
        style = None
        if "\n" in data and _literal(data):
            style = "|"
        elif _looks_special(data) or not data.isprintable():
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return Dumper


_SPECIAL = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~)|[-+]?(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][-+]?\d+)?"
    r"|[-+]?\.(?i:inf)|\.(?i:nan)|0[xob][\da-fA-F_]+|[-+]?\d[\d_]*\.|<<"
    r"|\d{4}-\d\d?-\d\d?(?:[Tt ].*)?|[-+]?\d+(?::[0-5]?\d)+(?:\.\d*)?"
)


def _looks_special(data: str) -> bool:
    """Say whether a plain word would be read back as something else than a text."""
    return not data or _SPECIAL.fullmatch(data) is not None


def _literal(data: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in data)


def dump_json(value: Any) -> str:
    """Return a document as `kubectl -o json` prints it."""
    text = json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)
    # As Go's encoder: safe inside HTML.
    return _escape(text) + "\n"


def compact(value: Any) -> str:
    """Return a value on one line, as kubectl prints maps and lists in JSONPath output."""
    return _escape(json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False))


def _escape(text: str) -> str:
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
