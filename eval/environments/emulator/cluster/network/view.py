"""The network and the files of a cluster, as the programs in its pods see them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from connectors.api.values import Json
from eval.environments.emulator.cluster.authorizer import Access, Authorizer, User, refusal
from eval.environments.emulator.cluster.backends import Backends, Pairs
from eval.environments.emulator.cluster.errors import forbidden
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.kubelet.files import container_files
from eval.environments.emulator.cluster.network.names import Resolver
from eval.environments.emulator.cluster.network.policies import Policies
from eval.environments.emulator.cluster.world import World


class Inside:
    """Fits `seams.ClusterNetwork`, `seams.ClusterFiles` and `seams.ClusterAccess`."""

    def __init__(self, world: World, kubelets: Kubelets, upstream_dns: bool = True) -> None:
        self._authorizer = Authorizer(world.store)
        self._kubelets = kubelets
        self.backends = Backends(world.store, world.index)
        self._policies = Policies(world.store)
        self._resolver = Resolver(
            world, self.backends, self._policies, kubelets.pod, self.mounted, upstream_dns
        )

    def resolves(self, pod: Json, name: str) -> str:
        """Return "" when the name resolves for a program in the pod, else why not."""
        return self._resolver.resolves(pod, name)

    def allowed(self, source: Json | None, target: Json, port: int, protocol: str = "TCP") -> bool:
        """Whether NetworkPolicies let a new connection through; no source: from outside."""
        return self._policies.allowed(source, target, port, protocol)

    def reachable(self, source: Json | None, namespace: str, service: str, port: int) -> Pairs:
        """Return the (pod, target port) pairs that a program in `source` is sent to."""
        return self.backends.reachable(source, namespace, service, port)

    def topology(self) -> Hashable:
        """Return what decides the answers of `resolves`, `allowed` and `reachable`."""
        return self._resolver.state()

    def mounted(self, pod: Json, container: str) -> Mapping[str, str]:
        """Return the files of mounted ConfigMaps, Secrets and downward API, by absolute path."""
        state = self._kubelets.pod(pod["metadata"]["uid"])
        item = None if state is None else state.container(container)
        return {} if state is None or item is None else container_files(state, item)

    def environment(self, pod: Json, container: str) -> Mapping[str, str]:
        """Return the environment variables with which a container's present run started."""
        state = self._kubelets.pod(pod["metadata"]["uid"])
        item = None if state is None else state.container(container)
        return {} if item is None else item.environment

    def denied(
        self, pod: Json, verb: str, group: str, resource: str, namespace: str, name: str = ""
    ) -> str:
        """Return "" when RBAC lets the pod's service account do this, else the refusal's text."""
        account = pod["spec"].get("serviceAccountName") or "default"
        user = User.service_account(pod["metadata"]["namespace"], account)
        plural, _, subresource = resource.partition("/")
        access = Access(verb, group, plural, namespace, name, subresource)
        if self._authorizer.allowed(user, access):
            return ""
        return forbidden(group, plural, name, refusal(user, access)).message
