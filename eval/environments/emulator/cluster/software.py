"""Everything the cluster asks about software: the system's own images, then the app's programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from connectors.api.values import Json
from eval.environments.emulator.seams import (
    GrpcHealth,
    Metered,
    Programs,
    PullProblem,
    Registries,
    Review,
    Run,
    Shell,
    Used,
    WebhookServer,
)

_SYSTEM_REGISTRY = "registry.k8s.io/"
_READY_SECONDS = 0.8


class Software:
    """Asks `Programs` and its optional abilities, with what an ordinary program would do else."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._registries = programs if isinstance(programs, Registries) else None
        self._metered = programs if isinstance(programs, Metered) else None
        self._shell = programs if isinstance(programs, Shell) else None
        self._grpc = programs if isinstance(programs, GrpcHealth) else None
        self._webhooks = programs if isinstance(programs, WebhookServer) else None

    @property
    def metered(self) -> bool:
        """Whether anything is known about what programs use."""
        return self._metered is not None

    def preloaded(self, image: str) -> bool:
        """Whether the nodes were installed with the image."""
        return image.startswith(_SYSTEM_REGISTRY)

    def pull_problem(self, image: str, pull_secrets: Sequence[Json]) -> PullProblem:
        """Say why a pull fails, or ""."""
        if self.preloaded(image):
            return ""
        if self._registries is not None:
            return self._registries.pull_problem(image, pull_secrets)
        return "" if self._programs.image_exists(image) else "not_found"

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        """Say what the program does when started now."""
        if self.preloaded(str(container["image"])):
            ports = tuple(int(p["containerPort"]) for p in container.get("ports") or ())
            return Run(listens=(*ports, 8080, 8181), ready_after=_READY_SECONDS)
        return self._programs.start(pod, container, now)

    def http_status(self, container: Json) -> Callable[[Json, Json, str, datetime], int]:
        """Return what answers a container's HTTP probes with a status; 0: no answer in time."""
        if self.preloaded(str(container["image"])):
            return lambda pod, container, path, now: 200
        return self._programs.http_status

    def status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        """Return the HTTP status that a request for `path` gets; 0: no answer in time."""
        return self.http_status(container)(pod, container, path, now)

    def usage(self, pod: Json, container: str) -> Used | None:
        """Return what a container uses now."""
        return None if self._metered is None else self._metered.usage(pod, container)

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        """Return exit code and output of a command; None: not known."""
        return None if self._shell is None else self._shell.command(pod, container, command, now)

    def grpc_health(self, pod: Json, container: str, service: str, now: datetime) -> str:
        """Return the health that a gRPC probe is told."""
        if self._grpc is None:
            return "SERVING"
        return self._grpc.grpc_health(pod, container, service, now)

    def review(self, webhook: str, path: str, pod: Json, obj: Json) -> Review | Literal["timeout"]:
        """Return what the webhook's program answers."""
        if self._webhooks is None:
            return Review()
        return self._webhooks.review(webhook, path, pod, obj)
