"""What the app simulation asks of the cluster around its programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from connectors.api.values import Json
from eval.environments.emulator.seams import (
    ClusterAccess,
    ClusterFiles,
    ClusterNetwork,
    ClusterState,
    Run,
)
from eval.environments.emulator.traffic.metrics.quantities import quantity


class AppCluster(ClusterState, ClusterNetwork, ClusterFiles, ClusterAccess, Protocol):
    """A cluster whose programs can end by themselves while they run."""

    def terminate(
        self, pod: Json, container: str, exit_code: int = 1, *, oom: bool = False
    ) -> bool:
        """Let the program in a container end now; False when none runs there."""
        ...

    def go_on(self, pod: Json, container: str, run: Run) -> None:
        """Let the program in a container do from now on what `run` says, not what its start had said."""
        ...


def limits_of(container: Json) -> tuple[float, float]:
    """Return a container's limits as (cores, bytes); 0 where there is none."""
    limits: Mapping[str, object] = (container.get("resources") or {}).get("limits") or {}
    cpu, memory = (str(limits.get(key, "")) for key in ("cpu", "memory"))
    return quantity(cpu) if cpu else 0.0, quantity(memory) if memory else 0.0


def declared_ports(container: Json) -> tuple[int, ...]:
    """Return the ports that a container's spec names."""
    return tuple(int(port["containerPort"]) for port in container.get("ports") or ())
