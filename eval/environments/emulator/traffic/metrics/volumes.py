"""The kubelets' statistics of the volumes that running pods have mounted."""

from __future__ import annotations

from datetime import datetime

from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.hosts import Hosts
from eval.environments.emulator.traffic.metrics.quantities import quantity
from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.processes import Processes

_FREE = 0.8


class Volumes:
    """Capacity and use of every claim that a running pod mounts; a full disk has nothing left."""

    def __init__(self, cluster: ClusterState, processes: Processes, hosts: Hosts) -> None:
        self._cluster = cluster
        self._processes = processes
        self._hosts = hosts

    def export(self, page: Page, now: datetime) -> None:
        """Write all samples."""
        sizes: dict[tuple[str, str], float] = {}
        for claim in self._cluster.objects("PersistentVolumeClaim"):
            size = (claim.get("status", {}).get("capacity") or {}).get("storage")
            if size:
                meta = claim["metadata"]
                sizes[meta["namespace"], meta["name"]] = quantity(str(size))
        if not sizes:
            return
        for process in self._processes:
            full = "disk" in self._hosts.of(process.program.name).exhausted
            namespace = process.pod["metadata"]["namespace"]
            for volume in process.pod["spec"].get("volumes") or ():
                name = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
                size = sizes.get((namespace, name))
                if size is not None:
                    _stats(page, namespace, name, process.node, size, 0.0 if full else _FREE)


def _stats(page: Page, namespace: str, claim: str, node: str, size: float, free: float) -> None:
    def labels() -> Labels:
        return {
            "namespace": namespace,
            "persistentvolumeclaim": claim,
            "node": node,
            "instance": node,
            "job": "kubelet",
            "metrics_path": "/metrics",
        }

    key, prefix = (namespace, claim, node), "kubelet_volume_stats_"
    page.set(f"{prefix}capacity_bytes", key, labels, size)
    page.set(f"{prefix}available_bytes", key, labels, float(round(size * free)))
    page.set(f"{prefix}used_bytes", key, labels, float(round(size * (1 - free))))
