"""A database user loses its role, and the service that uses it restarts."""

from __future__ import annotations

from copilot.model.causes import CAUSES
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Login, Service
from eval.apps.stores_api import StoreRefused
from eval.faults.objects import MIN_EXPOSURE, available, delete_pods, deployment, service_of
from eval.protocols import Environment, Expected

_CAUSE = "database.login_revoked"


class RevokeDatabaseLogin:
    """Takes the role of the app's user on its database away. The target is the store.

    Only the store's administration repairs it, which is not part of the Kubernetes API.
    """

    kind = "revoke_database_login"

    def __init__(self, app: App) -> None:
        self._app = app

    @classmethod
    def targets(cls, app: App) -> list[str]:
        """Stores with logins whose clients users' requests need."""
        exposure = app.exposure()
        return [
            name
            for name, service in app.services.items()
            if service.store
            and service.store.users
            and any(exposure[client.name] >= MIN_EXPOSURE for client in app.clients(name))
        ]

    async def inject(self, environment: Environment, target: str) -> None:
        """Revoke the role, then restart the clients."""
        await self._administer(environment, target, "revoke_role")

    async def recover(self, environment: Environment, target: str) -> None:
        """Grant the role again, then restart the clients."""
        await self._administer(environment, target, "grant_role")

    async def cured(self, environment: Environment, target: str) -> bool:
        """The users have their roles, and the clients are available."""
        for client, login in self._clients(target):
            try:
                await environment.administer(
                    target, "check_role", user=login.user, database=login.database
                )
            except StoreRefused:
                return False
            if not available(await deployment(environment, client.name)):
                return False
        return True

    def expected(self, environment: Environment, target: str) -> Expected:
        """The store is to blame; naming its client is accepted, as in AIOpsLab."""
        cause = CAUSES[_CAUSE]
        names = [target, *(client.name for client, _ in self._clients(target))]
        objects = tuple(ObjectRef("Deployment", environment.namespace, name) for name in names)
        return Expected(objects, (_CAUSE,), cause.system_level, cause.fault_type, mitigable=False)

    async def _administer(self, environment: Environment, target: str, command: str) -> None:
        clients = self._clients(target)
        for _, login in clients:
            await environment.administer(target, command, user=login.user, database=login.database)
        for client, _ in clients:
            await delete_pods(environment, client.name)

    def _clients(self, target: str) -> list[tuple[Service, Login]]:
        service_of(self._app, target)
        return [(client, client.logins[target]) for client in self._app.clients(target)]
