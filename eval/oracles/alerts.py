"""Which alerts fire, as Alertmanager's clients see it."""

from __future__ import annotations

from eval.protocols import Environment


async def firing(environment: Environment) -> frozenset[str]:
    """Return the fingerprints of the firing alerts, with their names.

    Empty where the environment has no alerts. Raises `ConnectorError` when they cannot be read.
    """
    if not environment.alertmanager_url:
        return frozenset()
    from connectors.alertmanager.settings import AlertmanagerSettings
    from connectors.alertmanager.source import AlertmanagerAlerts

    source = AlertmanagerAlerts(AlertmanagerSettings(environment.alertmanager_url))
    try:
        found = await source.alerts(environment.clock.now())
    finally:
        await source.close()
    return frozenset(f"{alert.name} {alert.fingerprint}" for alert in found)
