"""Small things that the faults do to objects."""

from __future__ import annotations

import asyncio

from connectors.api.errors import SourceMissing
from connectors.api.values import Json
from eval.apps.model import App, Service
from eval.protocols import Environment

MIN_EXPOSURE = 0.05
"""A fault's target must be on the way of at least this share of the users' requests."""


def on_the_way(app: App) -> list[Service]:
    """The services without which a noticeable share of the users' requests fails, the entry last.

    Only the users themselves notice a broken entry: nothing inside the app logs it.
    """
    exposure = app.exposure()
    found = [s for name, s in app.services.items() if exposure[name] >= MIN_EXPOSURE]
    return sorted(found, key=lambda service: service.name == app.entry)


def service_of(app: App, target: str) -> Service:
    """The target's description. Raises `ValueError` for a name that the app does not have."""
    if target not in app.services:
        raise ValueError(f'app {app.name} has no service "{target}": {", ".join(app.services)}')
    return app.services[target]


async def deployment(environment: Environment, name: str) -> Json | None:
    """The Deployment, None when somebody deleted it."""
    try:
        return await environment.reader.get("Deployment", environment.namespace, name)
    except SourceMissing:
        return None


def available(item: Json | None) -> bool:
    """Whether a Deployment has all it wants, at its newest revision, and wants at least one."""
    if item is None:
        return False
    status, wanted = item.get("status") or {}, item["spec"].get("replicas", 1)
    return bool(
        wanted >= 1
        and status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("availableReplicas", 0) >= wanted
        and not status.get("unavailableReplicas", 0)
    )


def selector(item: Json) -> str:
    """The label selector of a Deployment as text."""
    labels = item["spec"]["selector"].get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items())


async def delete_pods(environment: Environment, name: str) -> None:
    """Delete a Deployment's pods, so that new ones start."""
    item = await deployment(environment, name)
    if item is None:
        return
    pods = await environment.reader.list("Pod", environment.namespace, labels=selector(item))

    async def delete(pod: Json) -> None:
        try:
            await environment.writer.delete("Pod", environment.namespace, pod["metadata"]["name"])
        except SourceMissing:
            return

    await asyncio.gather(*(delete(pod) for pod in pods))
