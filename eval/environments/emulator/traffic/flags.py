"""The app's own feature flags, and what programs do differently because of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from eval.apps.model import App, Effect, Line
from eval.environments.emulator.traffic.processes import Process, Processes

Value = bool | int | float | str | dict[str, object] | list[object] | None


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag as it is served: its variant's name and value."""

    variant: str
    value: Value


@dataclass(slots=True)
class Active:
    """All effects that hold for one operation of a program, put together."""

    error_share: float = 0.0
    error: Line | None = None
    latency_ms: float = 0.0
    cpu_factor: float = 1.0
    messages: float = 1.0
    pause_ms: float = 0.0


@dataclass(slots=True)
class Behaviour:
    """What holds for a whole program."""

    memory_mb_per_minute: float = 0.0
    consumer_factor: float = 1.0
    not_ready: bool = False
    dials: dict[str, str] = field(default_factory=dict)


NORMAL, CALM = Active(), Behaviour()


def read_flags(text: str) -> dict[str, Flag]:
    """Read a file in flagd's form; what cannot be read is no flag."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    flags: dict[str, Flag] = {}
    described = found.get("flags") if isinstance(found, dict) else None
    for name, body in (described or {}).items() if isinstance(described, dict) else ():
        if not isinstance(body, dict) or body.get("state", "ENABLED") != "ENABLED":
            continue
        variants, chosen = body.get("variants"), str(body.get("defaultVariant", ""))
        if isinstance(variants, dict) and chosen in variants:
            flags[name] = Flag(chosen, variants[chosen])
    return flags


class FeatureFlags:
    """Asks the flag service's running pods; without one, every program has its defaults (off)."""

    def __init__(self, app: App, processes: Processes) -> None:
        self._app = app
        self._processes = processes
        self._served: Mapping[str, Flag] = {}
        self._active: dict[tuple[str, str], Active] = {}
        self._behaviour: dict[str, Behaviour] = {}

    def refresh(self) -> None:
        """Look again at what is served."""
        flags = self._app.flags
        served: Mapping[str, Flag] = {}
        if flags is not None:
            for process in self._processes:
                ports = process.program.ports
                if process.program.name == flags.service and (
                    not ports or self._processes.accepts(process, ports[0].number)
                ):
                    served = process.flags
                    break
        if served != self._served:
            self._served = served
            self._active.clear()
            self._behaviour.clear()

    def factor(self, flag: str) -> float:
        """The number that a flag carries while it is on, 1 otherwise."""
        found = self._served.get(flag)
        if found is None or found.variant == "off" or isinstance(found.value, bool | str):
            return 1.0
        return float(found.value) if isinstance(found.value, int | float) and found.value else 1.0

    def on(self, process: Process, operation: str) -> Active:
        """What holds for an operation of a program now."""
        if not self._served or not process.program.effects:
            return NORMAL
        key = process.program.name, operation
        found = self._active.get(key)
        if found is None:
            found = self._active[key] = self._combined(process, operation)
        return found

    def behaviour(self, process: Process) -> Behaviour:
        """What holds for a program as a whole now."""
        if not self._served or not process.program.effects:
            return CALM
        name = process.program.name
        found = self._behaviour.get(name)
        if found is None:
            found = self._behaviour[name] = Behaviour()
            for effect in self._effects(process):
                found.memory_mb_per_minute += effect.memory_mb_per_minute
                found.consumer_factor *= effect.consumer_factor
                found.not_ready |= effect.not_ready
                found.dials.update(effect.dials)
        return found

    def _effects(self, process: Process) -> list[Effect]:
        return [
            effect
            for effect in process.program.effects
            if (flag := self._served.get(effect.flag)) and flag.variant not in effect.off
        ]

    def _combined(self, process: Process, operation: str) -> Active:
        active = Active()
        for effect in self._effects(process):
            if effect.operation not in ("", operation):
                continue
            share = effect.error_share
            if share is None:
                value = self._served[effect.flag].value
                numeric = isinstance(value, int | float) and not isinstance(value, bool)
                share = float(value) if numeric and isinstance(value, int | float) else None
                if share is None:
                    share = 1.0 if effect.error is not None else 0.0
            if share > 0 and effect.error is not None:
                active.error_share = 1 - (1 - active.error_share) * (1 - min(1.0, share))
                active.error = effect.error
            active.latency_ms += effect.latency_ms
            active.cpu_factor *= effect.cpu_factor
            active.messages *= effect.messages
            active.pause_ms += effect.gc_pause_ms
        return active
