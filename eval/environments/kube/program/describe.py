"""Reads an app back from the JSON that describes it to its own containers."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from eval.apps.model import App


def read_app(path: Path) -> App:
    """Return the app that a JSON file describes."""
    app: App = _value(App, json.loads(path.read_text("utf-8")))
    return app


def _value(kind: Any, data: Any) -> Any:
    if data is None or kind is Any:
        return data
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{key: _value(hints[key], value) for key, value in data.items()})
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _value(next(one for one in inside if one is not type(None)), data)
    if origin is tuple:
        return tuple(_value(inside[0], item) for item in data)
    if origin is Mapping:
        return {key: _value(inside[1], item) for key, item in data.items()}
    return data


@cache
def _hints(kind: Any) -> dict[str, Any]:
    known = {field.name for field in fields(kind)}
    return {key: hint for key, hint in get_type_hints(kind).items() if key in known}
