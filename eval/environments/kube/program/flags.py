"""The app's own feature flags: read from flagd's file by one service, asked for by the others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from eval.apps.model import App, Effect, Service
from eval.environments.kube.program.dialling import CallFailed, Dialler, first_port
from eval.environments.kube.program.wire import Message

PATH = "/flags"
_PERIOD_SECONDS = 5.0


def read_flags(app: App, program: Service) -> bytes:
    """What the flag service answers: the variant and value of each flag in its file."""
    flags = app.flags
    folder = next(
        (m.path for m in program.mounts if flags and m.config_map == flags.config_map), ""
    )
    if flags is None or not folder:
        return b"{}"
    document = json.loads(Path(folder, flags.key).read_text("utf-8"))
    found = {
        name: [str(body["defaultVariant"]), body.get("variants", {}).get(body["defaultVariant"])]
        for name, body in document.get("flags", {}).items()
        if body.get("state", "ENABLED") == "ENABLED"
    }
    return json.dumps(found).encode()


class Flags:
    """The flags as a program knows them; without an answer it keeps what it knew."""

    def __init__(self, app: App, dialler: Dialler) -> None:
        self._app = app
        self._dialler = dialler
        self._known: dict[str, tuple[str, Any]] = {}

    async def keep(self) -> None:
        """Ask again and again, for ever."""
        while self._app.flags:
            service = self._app.flags.service
            port = first_port(self._app.services[service])
            try:
                answer = await self._dialler.request(
                    service, service, port, Message("GET", PATH), 2.0
                )
                self._known = {k: (v[0], v[1]) for k, v in json.loads(answer.body).items()}
            except (CallFailed, ValueError, LookupError):
                pass
            await asyncio.sleep(_PERIOD_SECONDS)

    def active(self, effects: tuple[Effect, ...], operation: str) -> list[Effect]:
        """The effects that hold now for an operation."""
        return [
            effect
            for effect in effects
            if (not effect.operation or effect.operation == operation)
            and effect.flag in self._known
            and self._known[effect.flag][0] not in effect.off
        ]

    def error_share(self, effect: Effect) -> float:
        """The share of requests that an effect lets fail."""
        if effect.error_share is not None:
            return effect.error_share
        value = self.number(effect.flag)
        return value if effect.error is not None or value <= 1 else 0.0

    def number(self, flag: str) -> float:
        """The numeric value of a flag, 0 where it has none."""
        value = self._known.get(flag, ("", None))[1]
        return float(value) if isinstance(value, int | float) else 0.0
