"""An alert as Alertmanager sends it, turned into a question and a scope."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ValidationError

from copilot.model.errors import UsageError

_SERVICE_LABELS = ("service", "deployment", "statefulset", "daemonset", "app", "job_name")
_LEAD = timedelta(minutes=10)


class _Alert(BaseModel):
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: AwareDatetime | None = None


class _Webhook(BaseModel):
    alerts: list[_Alert]


@dataclass(frozen=True, slots=True)
class AlertQuestion:
    """What an alert asks: in words, where, and since when (None: unknown)."""

    text: str
    namespaces: tuple[str, ...]
    services: tuple[str, ...]
    since: datetime | None


def read_alert(path: Path) -> AlertQuestion:
    """Read a webhook payload, a list of alerts or one alert from a JSON file. Raises `UsageError`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the alert file cannot be read: {path}: {error}", hint="give Alertmanager's JSON"
        ) from error
    if isinstance(data, dict) and "alerts" not in data:
        data = [data]
    try:
        webhook = _Webhook.model_validate(data if isinstance(data, dict) else {"alerts": data})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path} is not an alert: {key}: {first['msg']}",
            hint="give Alertmanager's webhook JSON, with labels and annotations",
        ) from error
    if not webhook.alerts:
        raise UsageError(f"{path} holds no alert")
    return _question(webhook.alerts)


def _question(alerts: list[_Alert]) -> AlertQuestion:
    texts, namespaces, services = [], [], []
    for alert in alerts:
        name = alert.labels.get("alertname", "alert")
        about = alert.annotations.get("summary") or alert.annotations.get("description") or ""
        texts.append(f"{name}: {about}" if about else name)
        if namespace := alert.labels.get("namespace"):
            namespaces.append(namespace)
        services += [alert.labels[k] for k in _SERVICE_LABELS if alert.labels.get(k)][:1]
    starts = [alert.startsAt for alert in alerts if alert.startsAt]
    return AlertQuestion(
        "; ".join(dict.fromkeys(texts)),
        tuple(dict.fromkeys(namespaces)),
        tuple(dict.fromkeys(services)),
        min(starts) - _LEAD if starts else None,
    )
