"""The machines under the nodes: what an administrator does to them, and what their kubelets see."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3


@dataclass(slots=True)
class Host:
    """One machine. `memory` and `disk` are bytes taken by what is no pod.

    With `powered` False everything on it stands still; with `kubelet` False its containers go on
    and nobody reports about them.
    """

    powered: bool = True
    kubelet: bool = True
    memory: float = 1.0 * GIB
    disk: float = 12.0 * GIB
    boots: int = 0

    @property
    def reports(self) -> bool:
        """Whether its kubelet talks to the API server."""
        return self.powered and self.kubelet


class Hosts:
    """The machines by node name; those never heard of are in order."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}

    def __getitem__(self, node: str) -> Host:
        return self._hosts.setdefault(node, Host())

    def reports(self, node: str) -> bool:
        """Whether a node's kubelet talks to the API server."""
        host = self._hosts.get(node)
        return host is None or host.reports
