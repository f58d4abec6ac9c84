"""Alerting rules over the emulated Prometheus, and the alerts that they raise."""

from eval.environments.emulator.telemetry.alerting.evaluate import Alerting
from eval.environments.emulator.telemetry.alerting.rules import load_rules

__all__ = ["Alerting", "load_rules"]
