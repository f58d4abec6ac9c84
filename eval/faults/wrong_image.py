"""A Deployment is given an image tag that the registry does not have."""

from __future__ import annotations

import zlib

from copilot.model.causes import CAUSES
from copilot.model.scope import ObjectRef
from eval.apps.model import App
from eval.apps.programs import images
from eval.faults.objects import available, deployment, on_the_way, service_of
from eval.protocols import Environment, Expected

_CAUSE = "image.not_found"


class WrongImage:
    """Sets an unknown tag on the target's image.

    The rolling update keeps the old pod, so that users notice nothing: the rollout is what is stuck.
    """

    kind = "wrong_image"

    def __init__(self, app: App) -> None:
        self._app = app

    @classmethod
    def targets(cls, app: App) -> list[str]:
        """Services that users' requests need."""
        return [service.name for service in on_the_way(app)]

    async def inject(self, environment: Environment, target: str) -> None:
        """Patch the image."""
        image = service_of(self._app, target).image
        repository = image.rsplit(":", 1)[0] if ":" in image.rsplit("/", 1)[-1] else image
        number = zlib.crc32(target.encode())
        wrong = f"{repository}:v{1 + number % 3}.{number // 7 % 20}.{number // 97 % 10}"
        while wrong in images(self._app):
            wrong += "1"
        await self._set(environment, target, wrong)

    async def recover(self, environment: Environment, target: str) -> None:
        """Patch the image back."""
        await self._set(environment, target, service_of(self._app, target).image)

    async def cured(self, environment: Environment, target: str) -> bool:
        """The Deployment runs the app's image again, rolled out completely."""
        service = service_of(self._app, target)
        item = await deployment(environment, target)
        if item is None or not available(item):
            return False
        containers = item["spec"]["template"]["spec"]["containers"]
        return all(
            container["image"] == service.image
            for container in containers
            if container["name"] == service.container_name
        )

    def expected(self, environment: Environment, target: str) -> Expected:
        """The Deployment is to blame."""
        cause = CAUSES[_CAUSE]
        workload = ObjectRef("Deployment", environment.namespace, target)
        return Expected((workload,), (_CAUSE,), cause.system_level, cause.fault_type)

    async def _set(self, environment: Environment, target: str, image: str) -> None:
        name = service_of(self._app, target).container_name
        patch = {"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}}
        await environment.writer.patch(
            "Deployment", environment.namespace, target, patch, type="strategic"
        )
