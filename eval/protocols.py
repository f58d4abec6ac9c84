"""The seams of the evaluation: an environment to break, and faults to break it with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.api.protocols import ClusterReader, ClusterWriter
from copilot.model.clock import Clock
from copilot.model.scope import ObjectRef


class Environment(Protocol):
    """A cluster with an app under load. `kubeconfig` and `prometheus_url` are all an agent gets."""

    @property
    def name(self) -> str:
        """ "emulator" or "kube"."""
        ...

    @property
    def namespace(self) -> str:
        """The app's namespace."""
        ...

    @property
    def clock(self) -> Clock:
        """The environment's clock; sleeping on an emulated one advances it."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for agents and people."""
        ...

    @property
    def prometheus_url(self) -> str:
        """Base URL of the Prometheus API, "" where there is none."""
        ...

    @property
    def reader(self) -> ClusterReader:
        """Read access for faults and oracles."""
        ...

    @property
    def writer(self) -> ClusterWriter:
        """Write access for faults."""
        ...

    async def administer(self, store: str, command: str, **arguments: str) -> None:
        """Use the administration of one of the app's own stores ("revoke_role", "grant_role", …)."""
        ...

    async def healthy(self) -> bool:
        """Whether users are served as they should be, by the environment's own knowledge."""
        ...

    async def close(self) -> None:
        """Leave nothing behind."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """The truth about an injected fault, kept away from every process that an agent can see.

    Any of `objects` counts as the right place; any of `causes` as the right cause.
    `system_level` and `fault_type` are AIOpsLab's answers for its analysis task.
    """

    objects: tuple[ObjectRef, ...]
    causes: tuple[str, ...]
    system_level: str
    fault_type: str
    mitigable: bool = True


class Fault(Protocol):
    """One kind of fault, parameterised by its target."""

    @property
    def kind(self) -> str:
        """A stable name: "service_target_port"."""
        ...

    async def inject(self, environment: Environment, target: str) -> None:
        """Break `target` (a service of the app) through the Kubernetes API or the app's administration."""
        ...

    async def recover(self, environment: Environment, target: str) -> None:
        """Take it back."""
        ...

    async def cured(self, environment: Environment, target: str) -> bool:
        """The strict oracle: whether the cause itself is gone, whoever repaired it."""
        ...

    def expected(self, environment: Environment, target: str) -> Expected:
        """The truth about it."""
        ...
