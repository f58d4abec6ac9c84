"""A Service sends its traffic to a port on which no program listens."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.errors import SourceMissing
from connectors.api.values import Json
from copilot.model.causes import CAUSES
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Call, Service
from eval.faults.objects import on_the_way, service_of
from eval.protocols import Environment, Expected

_Choose = Callable[[Json], int]
_CAUSE = "service.target_port_mismatch"
_WRONG_PORTS = (9999, 9998, 9997)


class ServiceTargetPort:
    """Sets the targetPort of all ports of the target's Service to a wrong number."""

    kind = "service_target_port"

    def __init__(self, app: App) -> None:
        self._app = app

    @classmethod
    def targets(cls, app: App) -> list[str]:
        """Services that are called through their Service on connections which get renewed."""
        calls = [(s, c) for s in app.services.values() for c in s.calls()]
        return [
            service.name
            for service in on_the_way(app)
            if service.name == app.entry
            or any(c.to == service.name and _renewed(s, c, service) for s, c in calls)
        ]

    async def inject(self, environment: Environment, target: str) -> None:
        """Patch the Service."""
        good = {port.port for port in service_of(self._app, target).ports}
        wrong = next(port for port in _WRONG_PORTS if port not in good)
        await self._patch(environment, target, lambda _: wrong)

    async def recover(self, environment: Environment, target: str) -> None:
        """Patch the Service back."""
        await self._patch(environment, target, lambda port: int(port["port"]))

    async def cured(self, environment: Environment, target: str) -> bool:
        """Every port of the Service leads to the port on which the target's program listens."""
        namespace = environment.namespace
        try:
            item = await environment.reader.get("Service", namespace, target)
        except SourceMissing:
            return False
        chosen = item["spec"].get("selector") or {}
        labels = ",".join(f"{key}={value}" for key, value in chosen.items())
        pods = await environment.reader.list("Pod", namespace, labels=labels) if labels else []
        offered = {port["port"]: port for port in item["spec"].get("ports") or ()}
        return bool(pods) and all(
            port.port in offered and _leads_to(offered[port.port], pods, port.port)
            for port in service_of(self._app, target).ports
        )

    def expected(self, environment: Environment, target: str) -> Expected:
        """The Service is to blame."""
        cause = CAUSES[_CAUSE]
        service = ObjectRef("Service", environment.namespace, target)
        return Expected((service,), (_CAUSE,), cause.system_level, cause.fault_type)

    async def _patch(self, environment: Environment, target: str, choose: _Choose) -> None:
        item = await environment.reader.get("Service", environment.namespace, target)
        patch = [
            {"op": "replace", "path": f"/spec/ports/{index}/targetPort", "value": choose(port)}
            for index, port in enumerate(item["spec"]["ports"])
        ]
        await environment.writer.patch("Service", environment.namespace, target, patch, type="json")


def _renewed(caller: Service, call: Call, target: Service) -> bool:
    """Whether the caller dials again within seconds; drivers of some stores keep connections."""
    keeps = target.store is not None and target.store.engine in ("mongodb", "memcached")
    return call.via == "service" and caller.keepalive_seconds is not None and not keeps


def _leads_to(port: Json, pods: list[Json], number: int) -> bool:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target == number
    return all(
        any(
            declared.get("name") == target and declared.get("containerPort") == number
            for container in pod["spec"]["containers"]
            for declared in container.get("ports") or ()
        )
        for pod in pods
    )
