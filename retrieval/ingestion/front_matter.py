"""Front matter and records to flat metadata; text made safe for every database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from retrieval.errors import UnreadableFile

_ALIASES = {
    "alert": "alerts",
    "service": "services",
    "symptom": "symptoms",
    "root_cause": "cause",
    "rootcause": "cause",
    "resolution": "fix",
    "fixed_by": "fix",
    "fix_held": "held",
    "did_it_hold": "held",
    "started_at": "date",
    "name": "title",
}
_MAX_VALUE = 2_000


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Return (metadata, body) of a Markdown text; raise `UnreadableFile` on broken YAML."""
    if not text.startswith("---"):
        return {}, text
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return {}, text
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        return {}, text
    value = _yaml("\n".join(lines[1:end]))
    if value is not None and not isinstance(value, dict):
        raise UnreadableFile("the front matter is not a list of `name: value` lines")
    return flat(value or {}), "\n".join(lines[end + 1 :]).lstrip("\n")


def flat(record: Mapping[Any, Any]) -> dict[str, str]:
    """Return metadata as text: lists joined by commas, dates in ISO form, known synonyms unified."""
    metadata: dict[str, str] = {}
    for key, value in record.items():
        name = clean(str(key)).strip().lower().replace(" ", "_").replace("-", "_")
        text = clean(as_text(value)).strip()[:_MAX_VALUE]
        if name and text:
            metadata.setdefault(_ALIASES.get(name, name), text)
    return metadata


def as_text(value: object) -> str:
    """Return any YAML or JSON value as one text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):  # a datetime too
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, default=str, sort_keys=True, ensure_ascii=False)
    return str(value)


def clean(text: str) -> str:
    """Return text that any database takes: no NUL, no lone surrogates, `\\n` line ends."""
    safe = text.encode("utf-8", "replace").decode("utf-8")
    return safe.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def _yaml(text: str) -> Any:
    import yaml

    class NoAliases(yaml.SafeLoader):
        """Aliases can blow a few lines up to gigabytes, and front matter has no use for them."""

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not allowed")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader=NoAliases)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 2})" if mark else ""
        problem = error.problem or "syntax"
        raise UnreadableFile(f"the front matter is not valid YAML: {problem}{where}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: dates such as 2024-13-45.
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableFile(f"the front matter is not valid YAML: {first}") from error
