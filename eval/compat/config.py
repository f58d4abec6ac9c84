"""The reference's configuration: keys of a YAML file, if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class Config:
    """Keys that our orchestrator knows: `print_session`. The others are read and have no effect."""

    def __init__(self, path: str | Path | None = None) -> None:
        found = yaml.safe_load(Path(path).read_text("utf-8")) if path else {}
        self._values: dict[str, Any] = found if isinstance(found, dict) else {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""
        return self._values.get(key, default)
