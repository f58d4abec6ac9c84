"""Programs for an emulated cluster that runs none."""

from __future__ import annotations

from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.seams import Run


class Quiet:
    """Every image exists and its program does nothing."""

    def image_exists(self, image: str) -> bool:
        return True

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        return Run()

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return 200
