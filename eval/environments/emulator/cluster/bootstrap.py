"""What a fresh cluster contains."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import rfc3339
from eval.environments.emulator.cluster.roles import bootstrap_roles
from eval.environments.emulator.cluster.world import World

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_CONDITIONS = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def bootstrap(world: World, nodes: int) -> None:
    """Create the system namespaces, roles, nodes, a storage class and the API server's Service."""
    for role in bootstrap_roles(world.registry.catalog.version):
        world.registry.create(role)
    for name in _NAMESPACES:
        world.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    world.manager.settle()
    for index in range(nodes):
        world.store.create(_node(world, index))
    world.registry.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    )
    world.registry.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "clusterIP": "10.96.0.1",
                "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
            },
        }
    )
    world.registry.create(
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "kubernetes", "namespace": "default"},
            "subsets": [
                {
                    "addresses": [{"ip": "172.18.0.2"}],
                    "ports": [{"name": "https", "port": 6443}],
                }
            ],
        }
    )
    world.manager.settle()


def _node(world: World, index: int) -> Json:
    name = f"node-{index + 1}"
    present = rfc3339(world.clock.now())
    resources = {
        "cpu": "16",
        "ephemeral-storage": "101430960Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": "65536Mi",
        "pods": "110",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/region": "region-1",
                "topology.kubernetes.io/zone": f"zone-{'abc'[index % 3]}",
            },
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": {"podCIDR": f"10.244.{index}.0/24", "podCIDRs": [f"10.244.{index}.0/24"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"172.18.0.{index + 3}"},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": dict(resources),
            "capacity": dict(resources),
            "conditions": [
                {
                    "type": kind,
                    "status": status,
                    "lastHeartbeatTime": present,
                    "lastTransitionTime": present,
                    "reason": reason,
                    "message": message,
                }
                for kind, status, reason, message in _CONDITIONS
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": world.names.uid(),
                "containerRuntimeVersion": "containerd://2.1.1",
                "kernelVersion": "6.8.0-60-generic",
                "kubeProxyVersion": "",
                "kubeletVersion": world.registry.catalog.version.git,
                "machineID": world.names.hex(32),
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "systemUUID": world.names.uid(),
            },
        },
    }
