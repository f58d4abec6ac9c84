"""The texts that a model is sent, as templates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_OURS = re.compile(
    r"<(?=/?\s*(?:evidence|tool_result|engine_findings|runbook|past_incident)\b)", re.I
)


_MAX_ATTRIBUTE = 140
_MAX_CITES = 4
# More behind one sentence cost tokens and convince nobody.


def as_data(text: str) -> str:
    """Return text that cannot end, or imitate, one of our delimiters."""
    return _OURS.sub("‹", text)


def _attribute(text: str) -> str:
    """Return text on one line, for use inside double quotes."""
    line = " ".join(as_data(text).split()).replace('"', "'")
    return line if len(line) <= _MAX_ATTRIBUTE else f"{line[:_MAX_ATTRIBUTE]}…"


def _brief(text: str, characters: int) -> str:
    """Return outside text on one line of at most so many characters."""
    line = " ".join(as_data(text).split())
    return line if len(line) <= characters else f"{line[:characters].rsplit(' ', 1)[0]} …"


def _cites(ids: Iterable[str], said: str = "") -> str:
    """Return ids as citations, without those that the text before them cites already."""
    return "".join([f"[{i}]" for i in ids if i not in said][:_MAX_CITES])


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("copilot.agent", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # a prompt is not HTML; what comes from outside passes `as_data`
    )
    environment.filters.update(data=as_data, attribute=_attribute, brief=_brief, cites=_cites)
    return environment


def render(template: str, **values: Any) -> str:
    """Fill in `prompts/<template>.md.j2`; a missing value is an error."""
    return _environment().get_template(f"{template}.md.j2").render(**values).strip()


@cache
def version() -> str:
    """Return a short name of the present wording of all prompts."""
    digest = hashlib.sha256()
    folder = files("copilot.agent.prompts")
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name.endswith(".j2"):
            digest.update(item.read_bytes())
    return digest.hexdigest()[:8]
