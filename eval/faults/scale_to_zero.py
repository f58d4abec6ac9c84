"""A Deployment is scaled to zero while others depend on it."""

from __future__ import annotations

from copilot.model.causes import CAUSES
from copilot.model.scope import ObjectRef
from eval.apps.model import App
from eval.faults.objects import available, deployment, on_the_way, service_of
from eval.protocols import Environment, Expected

_CAUSE = "workload.scaled_to_zero"


class ScaleToZero:
    """Sets the replicas of the target's Deployment to zero."""

    kind = "scale_to_zero"

    def __init__(self, app: App) -> None:
        self._app = app

    @classmethod
    def targets(cls, app: App) -> list[str]:
        """Services that users' requests need."""
        return [service.name for service in on_the_way(app)]

    async def inject(self, environment: Environment, target: str) -> None:
        """Scale down."""
        service_of(self._app, target)
        await self._scale(environment, target, 0)

    async def recover(self, environment: Environment, target: str) -> None:
        """Scale to what the app describes."""
        await self._scale(environment, target, service_of(self._app, target).replicas)

    async def cured(self, environment: Environment, target: str) -> bool:
        """The Deployment wants at least one replica and has all that it wants."""
        return available(await deployment(environment, target))

    def expected(self, environment: Environment, target: str) -> Expected:
        """The Deployment is to blame."""
        cause = CAUSES[_CAUSE]
        workload = ObjectRef("Deployment", environment.namespace, target)
        return Expected((workload,), (_CAUSE,), cause.system_level, cause.fault_type)

    async def _scale(self, environment: Environment, target: str, replicas: int) -> None:
        patch = {"spec": {"replicas": replicas}}
        await environment.writer.patch("Deployment", environment.namespace, target, patch)
