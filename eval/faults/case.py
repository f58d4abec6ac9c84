"""One fault on one target of one app: what the tables of kinds describe their faults with."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Call, Service

_CLUSTER_WIDE = frozenset(
    {
        "Node", "Namespace", "PersistentVolume", "StorageClass", "PriorityClass", "ClusterRole",
        "ClusterRoleBinding", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """An app, the service of it that is broken, and the seed for what has to be made up."""

    app: App
    target: str
    seed: int = 0

    @property
    def service(self) -> Service:
        """The target's description."""
        return self.app.services[self.target]

    @property
    def kind(self) -> str:
        """The kind of the target's workload."""
        return "Pod" if self.app.runtime == "docker" else self.service.kind

    @property
    def container(self) -> str:
        """The name of the target's container."""
        return self.service.container_name

    @property
    def port(self) -> int:
        """The first port of the target's Service."""
        return self.service.ports[0].port

    @property
    def namespace(self) -> str:
        """The app's namespace."""
        return self.app.namespace

    def ref(self, kind: str, name: str = "") -> ObjectRef:
        """Refer to an object of the app, by default the one named like the target."""
        return ObjectRef(kind, "" if is_cluster_wide(kind) else self.namespace, name or self.target)

    @property
    def workload(self) -> ObjectRef:
        """The target's workload."""
        return self.ref(self.kind)

    def workload_of(self, service: str) -> ObjectRef:
        """The workload of a service of the app."""
        return self.ref(self.app.services[service].kind, service)

    @property
    def client(self) -> str:
        """What the users' client calls itself."""
        return self.app.workload.client

    @property
    def callers(self) -> list[str]:
        """The services whose users' requests lead to the target, most travelled way first."""
        exposure = self.app.exposure()
        found = [s.name for s in self.app.services.values() if self._calls(s)]
        return sorted(found, key=lambda name: -exposure[name])

    def calls_to(self, callee: str) -> list[Call]:
        """The target's own calls of another service."""
        return [call for call in self.service.calls() if call.to == callee]

    def pick(self, names: Sequence[str], what: str = "") -> str:
        """Choose one of several names, always the same for this case."""
        text = f"{self.seed}:{self.app.name}:{self.target}:{what or names[0]}"
        return names[zlib.crc32(text.encode()) % len(names)]

    def number(self, what: str, low: int, high: int) -> int:
        """Choose a number between `low` and `high`, always the same for this case."""
        text = f"{self.seed}:{self.app.name}:{self.target}:{what}"
        return low + zlib.crc32(text.encode()) % (high - low + 1)

    def spec(self, obj: Json) -> Json:
        """The pod spec in a workload."""
        return pod_spec(obj)

    def main(self, obj: Json) -> Json:
        """The target's own container in its workload."""
        containers: list[Json] = pod_spec(obj)["containers"]
        return next(c for c in containers if c["name"] == self.container)

    def _calls(self, service: Service) -> bool:
        return any(call.to == self.target for call in service.calls())


def is_cluster_wide(kind: str) -> bool:
    """Whether objects of the kind belong to no namespace."""
    return kind in _CLUSTER_WIDE


def pod_spec(obj: Json) -> Json:
    """The pod spec in a workload, or of a Pod, to be changed."""
    if obj["kind"] == "Pod":
        spec: Json = obj["spec"]
    elif obj["kind"] == "CronJob":
        spec = obj["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    else:
        spec = obj["spec"]["template"]["spec"]
    return spec
