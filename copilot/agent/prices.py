"""What models cost. A price that is not known is None, never zero."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# "gpt-4o-2024-08-06" is priced as "gpt-4o"; "gpt-4o-mini" is a model of its own.
_DATED = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; `cached` is for input tokens read from the prompt cache."""

    input: float
    output: float
    cached: float | None = None

    def of(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """Return the cost in US dollars; `cached_tokens` are among the `input_tokens`."""
        cached = self.input if self.cached is None else self.cached
        fresh = input_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * cached + output_tokens * self.output) / 1e6


@cache
def _listed() -> dict[str, Price]:
    text = files("copilot.agent").joinpath("prices.toml").read_text("utf-8")
    return {model: Price(**row) for model, row in tomllib.loads(text).items()}


def price_of(model: str, overrides: Mapping[str, Price] | None = None) -> Price | None:
    """Return a model's price, without regard to a vendor prefix or a date suffix; None if unknown."""
    table = {**_listed(), **(overrides or {})}
    bare = model.rsplit("/", 1)[-1]
    for name in (model, bare, _DATED.sub("", bare)):
        if name in table:
            return table[name]
    return None
