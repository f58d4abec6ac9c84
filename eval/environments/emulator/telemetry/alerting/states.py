"""One rule's alerts, and how they pass from pending to firing to resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eval.environments.emulator.telemetry.alerting.rules import Rule
from eval.environments.emulator.telemetry.alerting.templates import render
from eval.environments.emulator.telemetry.series import NAME, Labels, SeriesStore

KEPT_SECONDS = 900.0
"""How long a resolved alert is remembered, as in Prometheus."""


@dataclass(slots=True)
class Alert:
    """One alert. Times are Unix seconds; `fired` is 0 while it is pending, `resolved` until then."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float
    active: float
    fired: float = 0.0
    resolved: float = 0.0

    @property
    def state(self) -> str:
        """Return "pending", "firing" or "inactive"."""
        if self.resolved:
            return "inactive"
        return "firing" if self.fired else "pending"


class RuleState:
    """A rule with its alerts; it writes their ALERTS and ALERTS_FOR_STATE series."""

    def __init__(self, rule: Rule, store: SeriesStore) -> None:
        self.rule = rule
        self.error = ""
        self._store = store
        self._alerts: dict[Labels, Alert] = {}

    @property
    def busy(self) -> bool:
        """Whether it has alerts, resolved ones too."""
        return bool(self._alerts)

    @property
    def alerts(self) -> list[Alert]:
        """The pending and firing ones, in the order of their labels."""
        return [alert for _, alert in sorted(self._alerts.items()) if not alert.resolved]

    @property
    def resolved(self) -> list[Alert]:
        """The ones that ended within the last minutes."""
        return [alert for _, alert in sorted(self._alerts.items()) if alert.resolved]

    @property
    def state(self) -> str:
        """The rule's: that of its most advanced alert."""
        states = {alert.state for alert in self._alerts.values()}
        return next((each for each in ("firing", "pending") if each in states), "inactive")

    def step(self, at: float, active: Iterable[tuple[Labels, float]]) -> None:
        """Take the result of one evaluation. Raises `ValueError` for a bad template."""
        present: set[Labels] = set()
        for labels, value in active:
            key, shown, annotations = self._describe(labels, value)
            present.add(key)
            alert = self._alerts.get(key)
            if alert is None or alert.resolved:
                alert = self._alerts[key] = Alert(shown, annotations, value, at)
            alert.value, alert.annotations = value, annotations
        for key, alert in list(self._alerts.items()):
            before = alert.state
            if key not in present:
                self._end(key, alert, at)
            elif not alert.fired and at - alert.active >= self.rule.hold:
                alert.fired = at
            self._write(alert, before, at)

    def _end(self, key: Labels, alert: Alert, at: float) -> None:
        if not alert.fired:
            alert.resolved = at
            del self._alerts[key]
        elif not alert.resolved:
            alert.resolved = at
        elif at - alert.resolved > KEPT_SECONDS:
            del self._alerts[key]

    def _describe(
        self, labels: Labels, value: float
    ) -> tuple[Labels, dict[str, str], dict[str, str]]:
        found = {name: text for name, text in labels if name != NAME}
        shown = dict(found)
        for name, text in self.rule.labels.items():
            shown[name] = render(text, found, value)
        shown["alertname"] = self.rule.name
        shown = {name: text for name, text in sorted(shown.items()) if text}
        annotations = {
            name: render(text, found, value) for name, text in self.rule.annotations.items()
        }
        return tuple(shown.items()), shown, annotations

    def _write(self, alert: Alert, before: str, at: float) -> None:
        if before == "inactive":
            return
        state = alert.state
        if before != state:
            self._store.mark_stale("ALERTS", {**alert.labels, "alertstate": before}, at)
        if state == "inactive":
            self._store.mark_stale("ALERTS_FOR_STATE", alert.labels, at)
        else:
            self._store.append("ALERTS", {**alert.labels, "alertstate": state}, at, 1.0)
            self._store.append("ALERTS_FOR_STATE", alert.labels, at, alert.active)
