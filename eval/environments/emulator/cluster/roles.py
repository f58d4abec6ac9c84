"""The roles and bindings of a fresh cluster, and those of its viewer."""

from __future__ import annotations

import json
from pathlib import Path

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.cluster.version import Version

_API = "rbac.authorization.k8s.io/v1"
_LABEL = "rbac.authorization.k8s.io/aggregate-to-"
_AGGREGATED = ("admin", "edit", "view")
_BINDINGS = (
    ("cluster-admin", "cluster-admin", ("system:masters",)),
    ("system:basic-user", "system:basic-user", ("system:authenticated",)),
    ("system:discovery", "system:discovery", ("system:authenticated",)),
    (
        "system:public-info-viewer",
        "system:public-info-viewer",
        ("system:authenticated", "system:unauthenticated"),
    ),
    ("system:monitoring", "system:monitoring", ("system:monitoring",)),
    (
        "system:service-account-issuer-discovery",
        "system:service-account-issuer-discovery",
        ("system:serviceaccounts",),
    ),
    ("viewers", "view", ("viewers",)),
    ("viewers-cluster", "cluster-reader", ("viewers",)),
)
_READ = ["get", "list", "watch"]
_CLUSTER_READER: list[Json] = [
    {
        "apiGroups": [""],
        "resources": ["nodes", "nodes/status", "persistentvolumes", "componentstatuses"],
        "verbs": _READ,
    },
    {
        "apiGroups": [
            "admissionregistration.k8s.io",
            "apiextensions.k8s.io",
            "apiregistration.k8s.io",
            "coordination.k8s.io",
            "discovery.k8s.io",
            "events.k8s.io",
            "metrics.k8s.io",
            "networking.k8s.io",
            "node.k8s.io",
            "rbac.authorization.k8s.io",
            "scheduling.k8s.io",
            "storage.k8s.io",
        ],
        "resources": ["*"],
        "verbs": _READ,
    },
]


def bootstrap_roles(version: Version) -> list[Json]:
    """Return the ClusterRoles and ClusterRoleBindings in the order in which they are made."""
    packaged: dict[str, list[Json]] = json.loads(Path(__file__).with_name("roles.json").read_text())
    if not version.legacy:
        packaged["system:basic-user"].append(
            {
                "apiGroups": ["authentication.k8s.io"],
                "resources": ["selfsubjectreviews"],
                "verbs": ["create"],
            }
        )
    objects = [_role(name, rules) for name, rules in packaged.items()]
    parts: dict[str, list[Json]] = {
        "view": packaged["system:aggregate-to-view"],
        "edit": packaged["system:aggregate-to-edit"],
        "admin": packaged["system:aggregate-to-admin"],
    }
    filled: list[Json] = []
    for name in ("view", "edit", "admin"):
        filled = [*parts[name], *filled]
        selector = {"matchLabels": {f"{_LABEL}{name}": "true"}}
        more: Json = {"aggregationRule": {"clusterRoleSelectors": [selector]}}
        labels = _labels({"view": ["edit"], "edit": ["admin"]}.get(name, []))
        objects.append({**_role(name, clone(filled), labels), **more})
    objects.append(_role("cluster-reader", _CLUSTER_READER))
    objects += [_binding(*row) for row in _BINDINGS]
    return objects


def _labels(targets: list[str]) -> Json:
    found: Json = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    for target in targets:
        found[f"{_LABEL}{target}"] = "true"
    return found


def _meta(name: str, labels: Json) -> Json:
    return {
        "name": name,
        "labels": labels,
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    }


def _role(name: str, rules: list[Json], labels: Json | None = None) -> Json:
    target = name.removeprefix("system:aggregate-to-")
    own = labels or _labels([target] if target in _AGGREGATED and target != name else [])
    return {"apiVersion": _API, "kind": "ClusterRole", "metadata": _meta(name, own), "rules": rules}


def _binding(name: str, role: str, groups: tuple[str, ...]) -> Json:
    return {
        "apiVersion": _API,
        "kind": "ClusterRoleBinding",
        "metadata": _meta(name, _labels([])),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [
            {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}
            for group in groups
        ],
    }
