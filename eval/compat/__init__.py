"""AIOpsLab's own client scripts, unmodified, on our orchestrator.

`install()` makes a package `aiopslab` importable, which nothing else does.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from copilot.model.errors import UsageError

FOLDER = Path(__file__).parent / "on_path"
"""Holds `aiopslab`; for a script of its own: `PYTHONPATH=$(python -m eval.compat)`."""


def install() -> None:
    """Make `aiopslab` importable. Raises `UsageError` when the real one is installed."""
    if str(FOLDER) in sys.path:
        return
    if importlib.util.find_spec("aiopslab") is not None:
        raise UsageError(
            "a package aiopslab is installed here already", hint="use an environment without it"
        )
    sys.path.insert(0, str(FOLDER))
