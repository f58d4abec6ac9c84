"""Connectors of the team's own, or of other packages, found by their entry points."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from connectors.api.errors import ConnectorError, SourceUnreachable
from connectors.api.protocols import (
    AlertSource,
    ChangeSource,
    Connector,
    DocumentSource,
    LogSource,
    MetricsSource,
    TraceSource,
)
from connectors.api.values import Check
from copilot.config.settings import Settings
from copilot.model.errors import ConfigError
from copilot.tools.names import nearest

GROUP = "incident_copilot.connectors"
"""Entry points of this group are functions that take the options of the settings (`str` to any
value of TOML) and return a connector. They raise `ValueError`, in one clear line, for bad options."""

_EVERY = ("name", "check", "close")
_TELLING = {
    "logs": ("lines", "volume"),
    "traces": ("services", "operations", "traces", "trace", "dependencies"),
    "metrics": ("query", "query_range"),
    "alerts": ("alerts",),
    "changes": ("changes",),
    "documents": ("documents",),
}


class Guarded:
    """Stands before foreign code: whatever it raises is a `ConnectorError`, and a call has an end."""

    def __init__(self, name: str, source: Any, seconds: float = 60.0) -> None:
        self._name, self._source, self._seconds = name, source, seconds

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._source, attribute)
        if not callable(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            try:
                async with asyncio.timeout(self._seconds):
                    return await found(*arguments, **named)
            except ConnectorError:
                raise
            except TimeoutError:
                raise SourceUnreachable(
                    f"the connector {self._name} did not answer within {self._seconds:g} s"
                ) from None
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                if attribute == "check":
                    return [Check(self._name, False, said, "ask who maintains the connector")]
                raise ConnectorError(f"the connector {self._name} failed: {said}") from error

        return call


@dataclass(frozen=True, slots=True)
class Own:
    """The opened connectors, by what they are. One connector may be several things."""

    logs: LogSource | None = None
    traces: TraceSource | None = None
    metrics: MetricsSource | None = None
    alerts: tuple[AlertSource, ...] = ()
    changes: tuple[ChangeSource, ...] = ()
    documents: Mapping[str, DocumentSource] = field(default_factory=dict)
    every: tuple[Connector, ...] = ()


def open_own(settings: Settings) -> Own:
    """Open the connectors of `[connectors.NAME]`. Raises `ConfigError`.

    Where several are stores of the same kind, the first counts.
    """
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _TELLING}
    every: list[Connector] = []
    for name, section in settings.connectors.items():
        secrets = {key: value.get_secret_value() for key, value in section.secrets.items()}
        source = _made(name, section.use, {**section.options, **secrets})
        kinds = _kinds(source)
        if not kinds:
            raise ConfigError(
                f"connectors.{name}: what {section.use} returns fits no Protocol of a source",
                hint="see docs/connectors.md",
            )
        guarded: Any = Guarded(name, source)
        every.append(guarded)
        for kind in kinds:
            found[kind][name] = guarded
    first = {kind: next(iter(found[kind].values()), None) for kind in ("logs", "traces", "metrics")}
    return Own(
        logs=first["logs"],
        traces=first["traces"],
        metrics=first["metrics"],
        alerts=tuple(found["alerts"].values()),
        changes=tuple(found["changes"].values()),
        documents=found["documents"],
        every=tuple(every),
    )


def _made(name: str, use: str, options: Mapping[str, Any]) -> Any:
    make = _loaded(name, use)
    try:
        return make(options)
    except (ValueError, KeyError, TypeError) as error:
        text = f"the option {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"connectors.{name}: {text}", hint="see its documentation") from error


def _loaded(name: str, use: str) -> Any:
    known: dict[str, EntryPoint] = {one.name: one for one in entry_points(group=GROUP)}
    if use not in known:
        near = nearest(use, known)
        there = f"installed: {', '.join(sorted(known))}" if known else "none is installed"
        raise ConfigError(
            f'connectors.{name}: no installed package has a connector "{use}"',
            hint=f"did you mean {near[0]!r}?" if near else there,
        )
    try:
        return known[use].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'connectors.{name}: the connector "{use}" cannot be loaded: {error}',
            hint="install its package again",
        ) from error


def _kinds(source: Any) -> list[str]:
    if not all(hasattr(source, part) for part in _EVERY):
        return []
    return [
        kind
        for kind, methods in _TELLING.items()
        if all(callable(getattr(source, method, None)) for method in methods)
    ]
