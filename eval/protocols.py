"""The seams of the evaluation: an environment to break, and faults to break it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from connectors.api.protocols import ClusterReader, ClusterWriter
from connectors.api.values import Json
from copilot.model.clock import Clock
from copilot.model.scope import ObjectRef


class Environment(Protocol):
    """A cluster with an app under load. `kubeconfig` and the URLs are all an agent gets."""

    @property
    def name(self) -> str:
        """ "emulator" or "kube"."""
        ...

    @property
    def namespace(self) -> str:
        """The app's namespace."""
        ...

    @property
    def deployed(self) -> Sequence[Json]:
        """The app's objects as they were deployed: what a repair leads back to."""
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
    def jaeger_url(self) -> str:
        """Base URL of Jaeger's query API, "" where there is none."""
        ...

    @property
    def loki_url(self) -> str:
        """Base URL of Loki, "" where there is none."""
        ...

    @property
    def alertmanager_url(self) -> str:
        """Base URL of Alertmanager, "" where there is none."""
        ...

    @property
    def reader(self) -> ClusterReader:
        """Read access for faults and oracles."""
        ...

    @property
    def writer(self) -> ClusterWriter:
        """Write access for faults."""
        ...

    async def administer(self, target: str, command: str, **arguments: str | float) -> None:
        """Use the administration of one of the app's own parts, or of the hosts under it.

        `eval.apps.stores_api` lists the commands and the errors.
        """
        ...

    async def healthy(self) -> bool:
        """Whether users are served as they should be, by the environment's own knowledge."""
        ...

    async def close(self) -> None:
        """Leave nothing behind."""
        ...


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a causal chain: an object, and what is the matter with it."""

    object: ObjectRef
    what: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A way to remove the cause: what is done to which object. `detail` is for people."""

    verb: Literal["change", "create", "delete", "scale", "restart", "roll_back", "administer"]
    object: ObjectRef
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """The truth about an injected fault, kept away from every process that an agent can see.

    Any of `objects` counts as the right place; any of `causes` as the right cause.
    `system_level` and `fault_type` are AIOpsLab's answers for its analysis task, `services` the
    names that it accepts for localization. `chain` leads from the root cause to what users see.
    Each of `repairs` is enough; without any, or when not `mitigable`, nothing that the Kubernetes
    API offers helps.
    """

    objects: tuple[ObjectRef, ...]
    causes: tuple[str, ...]
    system_level: str
    fault_type: str
    mitigable: bool = True
    services: tuple[str, ...] = ()
    chain: tuple[Link, ...] = ()
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something that can be seen from outside, as data; `eval.faults.symptoms` checks it.

    `object` is a service of the app, "Kind/name", or an edge "caller->callee".
    """

    kind: Literal[
        "status", "event", "log", "object", "endpoints", "errors", "latency", "traffic", "cpu",
        "memory", "throttling", "restarts",
    ]  # fmt: skip
    object: str
    what: str


class Fault(Protocol):
    """One kind of fault, parameterised by its target."""

    @property
    def kind(self) -> str:
        """A stable name: "service_target_port"."""
        ...

    @property
    def unfit(self) -> Mapping[str, str]:
        """The environments that it does not fit, by name, and why."""
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

    def symptoms(self, environment: Environment, target: str) -> Sequence[Symptom]:
        """What can be seen a few minutes after the injection."""
        ...
