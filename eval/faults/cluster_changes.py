"""Changes whose extent only the live cluster knows: all its nodes, its volumes, its DNS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.api.errors import SourceMissing
from connectors.api.values import Json
from copilot.model.errors import CopilotError
from eval.faults import objects
from eval.faults.case import pod_spec
from eval.faults.objects import as_deployed, until_gone
from eval.protocols import Environment

_LIMIT_SECONDS = 120.0
_PRIORITY = 100_000


@dataclass(frozen=True, slots=True)
class TaintNodes:
    """Taints all nodes. Gone when a node is free of it, or the target tolerates it."""

    key: str
    value: str
    target: str
    kind: str = "Deployment"

    async def apply(self, environment: Environment) -> None:
        """Add the taint to every node."""
        taint = {"key": self.key, "value": self.value, "effect": "NoSchedule"}
        for node in await environment.reader.list("Node"):
            taints = [*(node["spec"].get("taints") or ()), taint]
            await _patch_node(environment, node, {"taints": taints})

    async def undo(self, environment: Environment) -> None:
        """Remove it from every node."""
        for node in await environment.reader.list("Node"):
            taints = [t for t in node["spec"].get("taints") or () if t["key"] != self.key]
            await _patch_node(environment, node, {"taints": taints or None})

    async def gone(self, environment: Environment) -> bool:
        """Look at the nodes and the target's tolerations."""
        nodes = await environment.reader.list("Node")
        if any(
            all(t["key"] != self.key for t in node["spec"].get("taints") or ()) for node in nodes
        ):
            return True
        item = await objects.workload(environment, self.target, self.kind)
        tolerations = pod_spec(item).get("tolerations") or () if item else ()
        return any(t.get("key") in (self.key, None) for t in tolerations)


@dataclass(frozen=True, slots=True)
class CordonNodes:
    """Cordons all nodes. Gone when pods can be placed on one."""

    async def apply(self, environment: Environment) -> None:
        """Mark every node unschedulable."""
        for node in await environment.reader.list("Node"):
            await _patch_node(environment, node, {"unschedulable": True})

    async def undo(self, environment: Environment) -> None:
        """Uncordon every node."""
        for node in await environment.reader.list("Node"):
            if node["spec"].get("unschedulable"):
                await _patch_node(environment, node, {"unschedulable": None})

    async def gone(self, environment: Environment) -> bool:
        """Look for a node that is not cordoned."""
        nodes = await environment.reader.list("Node")
        return any(not node["spec"].get("unschedulable") for node in nodes)


async def _patch_node(environment: Environment, node: Json, spec: Json) -> None:
    await environment.writer.patch("Node", "", node["metadata"]["name"], {"spec": spec})


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Makes a workload's claim anew, and with `volume_breaks` its volume too, while nothing runs.

    An untouched volume keeps the name of the claim that it belonged to, so that nobody can have it.
    Gone when the claim is bound.
    """

    claim: str
    target: str
    kind: str = "Deployment"
    breaks: Callable[[Json], None] | None = None
    volume_breaks: Callable[[Json], None] | None = None

    async def apply(self, environment: Environment) -> None:
        """Stop the workload, replace the claim, and start it again."""
        await self._replace(environment, self.breaks, self.volume_breaks, free=False)

    async def undo(self, environment: Environment) -> None:
        """Do the same with what was deployed, and free the volume."""
        if not await self.gone(environment):
            await self._replace(environment, None, None, free=True)

    async def gone(self, environment: Environment) -> bool:
        """Whether the claim is bound and nothing odd is asked of its volume."""
        namespace = environment.namespace
        try:
            claim = await environment.reader.get("PersistentVolumeClaim", namespace, self.claim)
            if claim["status"].get("phase") != "Bound":
                return False
            volume = await environment.reader.get(
                "PersistentVolume", "", claim["spec"]["volumeName"]
            )
        except SourceMissing:
            return False
        return self.volume_breaks is None or "nodeAffinity" not in volume["spec"]

    async def _replace(
        self,
        environment: Environment,
        breaks: Callable[[Json], None] | None,
        volume_breaks: Callable[[Json], None] | None,
        *,
        free: bool,
    ) -> None:
        namespace = environment.namespace
        replicas = as_deployed(environment, self.kind, self.target)["spec"].get("replicas", 1)
        await self._scale(environment, 0)
        await _until_no_pods(environment, self.target)
        await objects.delete(environment, "PersistentVolumeClaim", namespace, self.claim)
        await until_gone(environment, "PersistentVolumeClaim", namespace, self.claim)
        body = as_deployed(environment, "PersistentVolumeClaim", self.claim)
        if self.volume_breaks is not None:
            await self._new_volume(environment, body, volume_breaks)
        elif free:
            await self._free(environment)
        if breaks is not None:
            breaks(body)
        await environment.writer.create("PersistentVolumeClaim", namespace, body)
        await self._scale(environment, replicas)

    async def _new_volume(
        self, environment: Environment, claim: Json, breaks: Callable[[Json], None] | None
    ) -> None:
        """Make the claim's volume anew; a volume's place cannot be changed."""
        wanted = claim["spec"].get("storageClassName", "")
        for body in environment.deployed:
            if (
                body["kind"] == "PersistentVolume"
                and body["spec"].get("storageClassName", "") == wanted
            ):
                name = body["metadata"]["name"]
                await objects.delete(environment, "PersistentVolume", "", name)
                await until_gone(environment, "PersistentVolume", "", name)
                new = as_deployed(environment, "PersistentVolume", name)
                if breaks is not None:
                    breaks(new)
                await environment.writer.create("PersistentVolume", "", new)

    async def _free(self, environment: Environment) -> None:
        for volume in await environment.reader.list("PersistentVolume"):
            owner = volume["spec"].get("claimRef") or {}
            if (owner.get("namespace"), owner.get("name")) == (environment.namespace, self.claim):
                name = volume["metadata"]["name"]
                await environment.writer.patch(
                    "PersistentVolume", "", name, {"spec": {"claimRef": None}}
                )

    async def _scale(self, environment: Environment, replicas: int) -> None:
        patch: Json = {"spec": {"replicas": replicas}}
        await environment.writer.patch(self.kind, environment.namespace, self.target, patch)


async def _until_no_pods(environment: Environment, target: str) -> None:
    passed = 0.0
    while passed < _LIMIT_SECONDS:
        if not await objects.pods_of(environment, target):
            return
        await environment.clock.sleep(1.0)
        passed += 1.0
    raise TimeoutError(f"pods of {target} are still there after {_LIMIT_SECONDS:.0f} s")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Fills the nodes with pods of a higher priority, so that others have to go.

    What fits is only known when the nodes are: each new pod asks for nearly all CPU of a node.
    """

    name: str
    priority_class: str
    image: str

    async def apply(self, environment: Environment) -> None:
        """Create the PriorityClass and the Deployment."""
        nodes = await environment.reader.list("Node")
        pods = await environment.reader.list("Pod")
        cores = min(_room(node, pods) for node in nodes)
        asked = {"cpu": f"{int(cores * 1000) - 20}m"}
        labels = {"app": self.name}
        pod = {
            "priorityClassName": self.priority_class,
            "containers": [
                {
                    "name": self.name,
                    "image": self.image,
                    "command": ["sleep", "infinity"],
                    "resources": {"requests": asked, "limits": asked},
                }
            ],
        }
        spec = {
            "replicas": len(nodes),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
        priority = {"metadata": {"name": self.priority_class}, "value": _PRIORITY}
        await environment.writer.create("PriorityClass", "", priority)
        body = {"metadata": {"name": self.name, "labels": labels}, "spec": spec}
        await environment.writer.create("Deployment", environment.namespace, body)

    async def undo(self, environment: Environment) -> None:
        """Delete both."""
        await objects.delete(environment, "Deployment", environment.namespace, self.name)
        await objects.delete(environment, "PriorityClass", "", self.priority_class)

    async def gone(self, environment: Environment) -> bool:
        """Whether the workload is gone or takes no more room."""
        item = await objects.workload(environment, self.name)
        return item is None or item["spec"].get("replicas", 1) == 0


def _room(node: Json, pods: list[Json]) -> float:
    """The cores of a node that are not taken by pods which cannot be pushed away."""
    taken = sum(
        _cores(container.get("resources", {}).get("requests", {}).get("cpu", "0"))
        for pod in pods
        if pod["spec"].get("nodeName") == node["metadata"]["name"]
        and (pod["spec"].get("priority") or 0) >= _PRIORITY
        for container in pod["spec"]["containers"]
    )
    return _cores(node["status"]["allocatable"]["cpu"]) - taken


def _cores(amount: str) -> float:
    return float(amount[:-1]) / 1000 if amount.endswith("m") else float(amount)


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """Makes the cluster's DNS answer that a name does not exist.

    The ConfigMap of CoreDNS gets a `template` block; its pods are restarted to read it at once.
    """

    name: str

    async def apply(self, environment: Environment) -> None:
        """Add the block to every Corefile."""
        text = await self._corefile(environment)
        start = text.index("{") + 1
        await self._write(environment, text[:start] + self._block(environment) + text[start:])

    async def undo(self, environment: Environment) -> None:
        """Remove the block."""
        text = await self._corefile(environment)
        if self._block(environment) in text:
            await self._write(environment, text.replace(self._block(environment), ""))

    async def gone(self, environment: Environment) -> bool:
        """Look for a template that answers for the name."""
        return self._name(environment) not in await self._corefile(environment)

    def _name(self, environment: Environment) -> str:
        return f"{self.name}\\.{environment.namespace}\\.svc\\.cluster\\.local\\."

    def _block(self, environment: Environment) -> str:
        return (
            "\n    template ANY ANY cluster.local {\n"
            f"       match ^{self._name(environment)}$\n"
            "       rcode NXDOMAIN\n"
            "    }"
        )

    async def _corefile(self, environment: Environment) -> str:
        found = await environment.reader.get("ConfigMap", "kube-system", "coredns")
        text = (found.get("data") or {}).get("Corefile", "")
        if "{" not in text:
            raise CopilotError("the cluster's DNS has no Corefile in kube-system/coredns")
        return str(text)

    async def _write(self, environment: Environment, text: str) -> None:
        patch: Json = {"data": {"Corefile": text}}
        await environment.writer.patch("ConfigMap", "kube-system", "coredns", patch)
        for pod in await environment.reader.list("Pod", "kube-system", labels="k8s-app=kube-dns"):
            await objects.delete(environment, "Pod", "kube-system", pod["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class EndJobs:
    """Leaves nothing behind: the unfinished Jobs of a CronJob are deleted with the fault."""

    cron_job: str

    async def apply(self, environment: Environment) -> None:
        """Do nothing: the CronJob makes its Jobs itself."""

    async def undo(self, environment: Environment) -> None:
        """Delete the Jobs that did not succeed, and their pods."""
        for job in await environment.reader.list("Job", environment.namespace):
            owners = job["metadata"].get("ownerReferences") or ()
            if any(owner["name"] == self.cron_job for owner in owners) and not (
                job.get("status") or {}
            ).get("succeeded"):
                name = job["metadata"]["name"]
                await objects.delete(environment, "Job", environment.namespace, name)

    async def gone(self, environment: Environment) -> bool:
        """Return True: the CronJob itself is what counts."""
        return True
