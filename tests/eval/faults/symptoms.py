"""What an engineer would look at after a fault."""

from __future__ import annotations

from connectors.api.values import Json
from eval.apps.model import App
from eval.environments.emulator.environment import Emulator


async def pods(environment: Emulator, service: str) -> list[Json]:
    """A service's pods, through the API."""
    label = f"{environment.app.label}={service}"
    return await environment.reader.list("Pod", environment.namespace, labels=label)


async def waiting_reasons(environment: Emulator, service: str) -> set[str]:
    """Why containers of a service wait."""
    return {
        status["state"]["waiting"]["reason"]
        for pod in await pods(environment, service)
        for status in pod["status"].get("containerStatuses") or ()
        if "waiting" in status.get("state", {})
    }


async def event_reasons(environment: Emulator, name_prefix: str) -> set[str]:
    """The reasons of the events about objects whose name begins so."""
    events = await environment.reader.list("Event", environment.namespace)
    return {
        event["reason"]
        for event in events
        if event.get("involvedObject", event.get("regarding", {}))["name"].startswith(name_prefix)
    }


async def log(environment: Emulator, service: str, *, previous: bool = False) -> str:
    """The log of a service's first pod."""
    pod = (await pods(environment, service))[0]
    return await environment.reader.logs(
        environment.namespace, pod["metadata"]["name"], previous=previous
    )


def callers(app: App, target: str) -> list[str]:
    """The services that call another one."""
    return [s.name for s in app.services.values() if any(c.to == target for c in s.calls())]


async def all_ready(environment: Emulator) -> bool:
    """Whether every pod of the namespace is ready."""
    found = await environment.reader.list("Pod", environment.namespace)
    return all(
        any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
        for pod in found
    )
