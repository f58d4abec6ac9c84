"""Apps, read once: a suite asks for the same few again and again."""

from __future__ import annotations

from functools import cache

from eval.apps.loader import load_app
from eval.apps.model import App


@cache
def app_of(name_or_path: str) -> App:
    """Load an app by name or path, once. Raises `eval.apps.loader.AppError`."""
    return load_app(name_or_path)
