"""Rules and alerts in the JSON of Prometheus' API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from eval.environments.emulator.telemetry.alerting.rules import Group
from eval.environments.emulator.telemetry.alerting.states import Alert, RuleState

Json = dict[str, Any]

_INTERVAL = 30


def moment_json(at: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC, without trailing zeros, as Go does."""
    if not at:
        return "0001-01-01T00:00:00Z"
    moment = datetime.fromtimestamp(at, UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def exponent(value: float) -> str:
    """Write a value as alerts carry it (Go's 'e' format): 1 is "1e+00"."""
    mantissa, _, power = repr(value).partition("e")
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(mantissa, "NaN")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, part = mantissa.lstrip("-").partition(".")
    shift = int(power or 0)
    digits = (whole + part).rstrip("0")
    scale = len(whole) - 1 + shift
    stripped = digits.lstrip("0")
    if not stripped:
        return f"{sign}0e+00"
    scale -= len(digits) - len(stripped)
    rest = f".{stripped[1:]}" if len(stripped) > 1 else ""
    return f"{sign}{stripped[0]}{rest}e{'-' if scale < 0 else '+'}{abs(scale):02d}"


def alert_json(alert: Alert) -> Json:
    """Return an alert as /api/v1/alerts and /api/v1/rules have it."""
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": moment_json(alert.active),
        "value": exponent(alert.value),
    }


def group_json(
    group: Group, states: Sequence[RuleState], at: float, wanted: Collection[str]
) -> Json:
    """Return a group with the rules of the `wanted` names (none given: all)."""
    return {
        "name": group.name,
        "file": f"/etc/prometheus/rules/{group.file}",
        "rules": [_rule(state, at) for state in states if not wanted or state.rule.name in wanted],
        "interval": _INTERVAL,
        "limit": 0,
        "evaluationTime": 0.001 * len(states),
        "lastEvaluation": moment_json(at),
    }


def _rule(state: RuleState, at: float) -> Json:
    rule = state.rule
    body: Json = {
        "state": state.state,
        "name": rule.name,
        "query": rule.expression,
        "duration": round(rule.hold, 3),
        "keepFiringFor": 0,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [alert_json(alert) for alert in state.alerts],
        "health": "err" if state.error else "ok",
    }
    if state.error:
        body["lastError"] = state.error
    return {**body, "evaluationTime": 0.001, "lastEvaluation": moment_json(at), "type": "alerting"}
