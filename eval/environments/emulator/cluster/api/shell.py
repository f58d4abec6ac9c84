"""What commands run inside a container find: its environment, files and network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.api.values import Json
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import ClusterFiles, ClusterNetwork

_DOMAIN = "svc.cluster.local"
_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True, slots=True)
class Reached:
    """What a connection attempt met: `problem` is "", "refused", "timeout", "unreachable"."""

    problem: str = ""
    status: int = 0
    body: str = ""


class Inside(Protocol):
    """The seam between `exec` and what is inside the containers."""

    def environment(self, pod: Json, container: str) -> Mapping[str, str]:
        """The environment variables of the running container."""
        ...

    def mounted(self, pod: Json, container: str) -> Mapping[str, str]:
        """The text files of mounted volumes, by absolute path."""
        ...

    def addresses(self, pod: Json, host: str) -> Sequence[str] | None:
        """The IPs behind a name, () for a name that does not exist, None when DNS is down."""
        ...

    def reach(self, pod: Json, address: str, port: int, path: str | None) -> Reached:
        """Connect from the pod to an IP and port; with a `path`, GET it."""
        ...

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        """What the software itself answers to a command; None when it knows none such."""
        ...


class View(ClusterNetwork, ClusterFiles, Protocol):
    """The network and the files that programs see."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What `StateInside` cannot see in the stored objects."""

    listening: Callable[[Json], frozenset[int]]
    status: Callable[[Json, Json, str, datetime], int]
    command: Callable[[Json, str, Sequence[str], datetime], tuple[int, str] | None]
    view: View


class StateInside:
    """Answers from the stored objects: specs, ConfigMaps, Secrets, Services and Endpoints."""

    def __init__(self, world: World, hooks: Hooks) -> None:
        self._world = world
        self._hooks = hooks

    def environment(self, pod: Json, container: str) -> Mapping[str, str]:
        """The environment variables of the present run, and those of every container."""
        started = self._hooks.view.environment(pod, container)
        return {**_PATH, "HOSTNAME": pod["metadata"]["name"], **started, "HOME": "/root"}

    def mounted(self, pod: Json, container: str) -> Mapping[str, str]:
        """The files of mounted volumes, and what every container has."""
        meta, ip = pod["metadata"], (pod.get("status") or {}).get("podIP", "")
        space = meta["namespace"]
        return {
            "/etc/hostname": f"{meta['name']}\n",
            "/etc/hosts": f"# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n{ip}\t"
            f"{meta['name']}\n",
            "/etc/resolv.conf": f"search {space}.{_DOMAIN} {_DOMAIN} cluster.local\n"
            "nameserver 10.96.0.10\noptions ndots:5\n",
            **self._hooks.view.mounted(pod, container),
        }

    def addresses(self, pod: Json, host: str) -> Sequence[str] | None:
        """The IPs behind a name, by Services and Endpoints."""
        if re.fullmatch(r"\d+(\.\d+){3}", host):
            return (host,)
        name = host.rstrip(".")
        if name == "localhost":
            return ("127.0.0.1",)
        if name == pod["metadata"]["name"]:
            return ((pod.get("status") or {}).get("podIP", ""),)
        problem = self._hooks.view.resolves(pod, host)
        if problem:
            return () if problem == "no_such_host" else None
        name = name.removesuffix(f".{_DOMAIN}").removesuffix(".svc")
        parts = name.split(".")
        if len(parts) > 2:
            return ()
        space = parts[1] if len(parts) == 2 else pod["metadata"]["namespace"]
        service = self._world.store.get("Service", space, parts[0])
        if service is None:
            return ()
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return self.addresses(pod, spec.get("externalName", ""))
        if spec.get("clusterIP") not in (None, "", "None"):
            return (spec["clusterIP"],)
        return tuple(self._ready(space, parts[0]))

    def reach(self, pod: Json, address: str, port: int, path: str | None) -> Reached:
        """Connect to a Service or pod IP."""
        target, number = self._behind(pod, address, port)
        if target is None:
            return Reached("refused" if number else "timeout")
        if target is not pod and not self._hooks.view.allowed(pod, target, number):
            return Reached("timeout")
        if number not in self._hooks.listening(target):
            return Reached("refused")
        if path is None:
            return Reached()
        container = _serving(target, number)
        status = self._hooks.status(target, container, path, self._world.clock.now())
        return Reached("timeout") if status == 0 else Reached("", status, "")

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        """What the software itself answers."""
        return self._hooks.command(pod, container, command, now)

    def _behind(self, pod: Json, address: str, port: int) -> tuple[Json | None, int]:
        """Return the pod and port behind an address; no pod and 0 when nothing answers there."""
        if address in ("127.0.0.1", (pod.get("status") or {}).get("podIP")):
            return pod, port
        for service in self._world.store.all("Service"):
            spec = service["spec"]
            if spec.get("clusterIP") != address:
                continue
            meta = service["metadata"]
            declared = next((p for p in spec.get("ports") or () if p["port"] == port), None)
            if declared is None:
                return None, 0
            endpoints = self._world.store.get("Endpoints", meta["namespace"], meta["name"]) or {}
            for subset in endpoints.get("subsets") or ():
                for item in subset.get("ports") or ():
                    if item.get("name", "") == declared.get("name", ""):
                        for ready in subset.get("addresses") or ():
                            found = self._pod_at(ready["ip"])
                            if found is not None:
                                return found, int(item["port"])
            return None, port
        found = self._pod_at(address)
        return found, port if found is not None else 0

    def _pod_at(self, address: str) -> Json | None:
        for pod in self._world.store.all("Pod"):
            if (pod.get("status") or {}).get("podIP") == address:
                return pod
        return None

    def _ready(self, namespace: str, name: str) -> list[str]:
        endpoints = self._world.store.get("Endpoints", namespace, name) or {}
        return [
            address["ip"]
            for subset in endpoints.get("subsets") or ()
            for address in subset.get("addresses") or ()
        ]


def _serving(pod: Json, port: int) -> Json:
    for item in pod["spec"]["containers"]:
        if any(p.get("containerPort") == port for p in item.get("ports") or ()):
            return dict(item)
    return dict(pod["spec"]["containers"][0])
