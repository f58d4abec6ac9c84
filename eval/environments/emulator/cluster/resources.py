"""Which resources the emulated API server serves, and their properties."""

from __future__ import annotations

from dataclasses import dataclass

_WRITE = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource. `kind` is also the key under which its objects are stored.

    `generation` says whether the API server counts generations of the spec; `subresources` are
    served below the object, `status` and `scale` among them.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    generation: bool = False
    verbs: tuple[str, ...] = _WRITE

    @property
    def api_version(self) -> str:
        """Return `v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


def _r(
    api: str,
    kind: str,
    plural: str,
    short: str = "",
    *,
    cluster: bool = False,
    sub: str = "",
    everyday: bool = False,
    generation: bool = False,
    singular: str = "",
    verbs: tuple[str, ...] = _WRITE,
) -> Resource:
    group, _, version = api.rpartition("/")
    return Resource(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=singular or kind.lower(),
        short=tuple(short.split()),
        namespaced=not cluster,
        subresources=tuple(sub.split()),
        categories=("all",) if everyday else (),
        generation=generation,
        verbs=verbs,
    )


_RBAC = "rbac.authorization.k8s.io/v1"
_NO_COLLECTION = ("create", "delete", "get", "list", "patch", "update", "watch")

RESOURCES: tuple[Resource, ...] = (
    _r("v1", "ConfigMap", "configmaps", "cm"),
    _r("v1", "Endpoints", "endpoints", "ep"),
    _r("v1", "Event", "events", "ev"),
    _r("v1", "LimitRange", "limitranges", "limits"),
    _r(
        "v1",
        "Namespace",
        "namespaces",
        "ns",
        cluster=True,
        sub="finalize status",
        verbs=_NO_COLLECTION,
    ),
    _r("v1", "Node", "nodes", "no", cluster=True, sub="status"),
    _r("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", sub="status"),
    _r("v1", "PersistentVolume", "persistentvolumes", "pv", cluster=True, sub="status"),
    _r("v1", "Pod", "pods", "po", sub="binding eviction log status", everyday=True),
    _r(
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        "rc",
        sub="scale status",
        everyday=True,
        generation=True,
    ),
    _r("v1", "ResourceQuota", "resourcequotas", "quota", sub="status"),
    _r("v1", "Secret", "secrets"),
    _r("v1", "ServiceAccount", "serviceaccounts", "sa"),
    _r("v1", "Service", "services", "svc", sub="status", everyday=True),
    _r("apps/v1", "ControllerRevision", "controllerrevisions"),
    _r("apps/v1", "DaemonSet", "daemonsets", "ds", sub="status", everyday=True, generation=True),
    _r(
        "apps/v1",
        "Deployment",
        "deployments",
        "deploy",
        sub="scale status",
        everyday=True,
        generation=True,
    ),
    _r(
        "apps/v1",
        "ReplicaSet",
        "replicasets",
        "rs",
        sub="scale status",
        everyday=True,
        generation=True,
    ),
    _r(
        "apps/v1",
        "StatefulSet",
        "statefulsets",
        "sts",
        sub="scale status",
        everyday=True,
        generation=True,
    ),
    _r(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        sub="status",
        everyday=True,
    ),
    _r("batch/v1", "CronJob", "cronjobs", "cj", sub="status", everyday=True, generation=True),
    _r("batch/v1", "Job", "jobs", sub="status", everyday=True, generation=True),
    _r("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", generation=True),
    _r("events.k8s.io/v1", "Event", "events", "ev"),
    _r("networking.k8s.io/v1", "IngressClass", "ingressclasses", cluster=True, generation=True),
    _r("networking.k8s.io/v1", "Ingress", "ingresses", "ing", sub="status", generation=True),
    _r("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "netpol", generation=True),
    _r(
        "policy/v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "pdb",
        sub="status",
        generation=True,
    ),
    _r(_RBAC, "ClusterRoleBinding", "clusterrolebindings", cluster=True),
    _r(_RBAC, "ClusterRole", "clusterroles", cluster=True),
    _r(_RBAC, "RoleBinding", "rolebindings"),
    _r(_RBAC, "Role", "roles"),
    _r("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "pc", cluster=True),
    _r("storage.k8s.io/v1", "StorageClass", "storageclasses", "sc", cluster=True),
    _r("coordination.k8s.io/v1", "Lease", "leases"),
)
"""All served resources, core first, as discovery lists them."""

BY_PATH: dict[tuple[str, str, str], Resource] = {
    (resource.group, resource.version, resource.plural): resource for resource in RESOURCES
}
"""By group, version and plural name."""

BY_KIND: dict[str, Resource] = {
    resource.kind: resource for resource in RESOURCES if resource.group != "events.k8s.io"
}
"""By kind; an Event is stored as the core group shapes it."""

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(r.group for r in RESOURCES if r.group))
"""The named API groups; each has one version."""
