"""Incidents from PagerDuty."""

from connectors.pagerduty.settings import PagerDutySettings
from connectors.pagerduty.source import PagerDutyIncidents

__all__ = ["PagerDutyIncidents", "PagerDutySettings"]
