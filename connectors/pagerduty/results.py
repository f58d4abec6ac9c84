"""PagerDuty's incidents as our alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.api.values import Alert, AlertState

_STATES: dict[str, AlertState] = {
    "triggered": "firing",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
}


def to_alert(item: Mapping[str, Any]) -> Alert:
    """Read an incident. Raises `KeyError`, `TypeError` or `ValueError` for another shape."""
    labels = {
        "service": _summary(item.get("service")),
        "urgency": str(item.get("urgency") or ""),
        "priority": _summary(item.get("priority")),
        "escalation_policy": _summary(item.get("escalation_policy")),
        "team": ", ".join(map(_summary, item.get("teams") or ())),
        "incident_number": str(item.get("incident_number") or ""),
        "incident_key": str(item.get("incident_key") or ""),
    }
    annotations = {
        "description": str(item.get("description") or ""),
        "details": str((item.get("body") or {}).get("details") or ""),
        "assigned_to": ", ".join(
            _summary(each.get("assignee")) for each in item.get("assignments") or ()
        ),
        "resolved_at": str(item.get("resolved_at") or ""),
    }
    return Alert(
        name=str(item["title"]),
        state=_STATES[item["status"]],
        labels={name: value for name, value in labels.items() if value},
        annotations={name: value for name, value in annotations.items() if value},
        since=datetime.fromisoformat(item["created_at"]),
        fingerprint=str(item["id"]),
        url=str(item.get("html_url") or ""),
    )


def closed_at(item: Mapping[str, Any]) -> datetime | None:
    """Return when an incident was resolved, None while it is open."""
    if item["status"] != "resolved":
        return None
    text = item.get("resolved_at") or item.get("last_status_change_at")
    return datetime.fromisoformat(text) if text else None


def _summary(reference: Any) -> str:
    return str(reference.get("summary") or "") if isinstance(reference, Mapping) else ""
