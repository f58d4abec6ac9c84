"""Role-based access control: who may do what, by the Roles and bindings that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.api.values import Json
from eval.environments.emulator.cluster.store import Store

_MASTERS = "system:masters"
_EVERYTHING: Json = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_ANY_PATH: Json = {"verbs": ["*"], "nonResourceURLs": ["*"]}


@dataclass(frozen=True, slots=True)
class User:
    """Who sends a request."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    @classmethod
    def service_account(cls, namespace: str, name: str, uid: str = "") -> User:
        """Return the user that a service account is."""
        groups = (
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
            "system:authenticated",
        )
        return cls(f"system:serviceaccount:{namespace}:{name}", groups, uid)


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that a user may want to do. `namespace` "" means the whole cluster."""

    verb: str
    group: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Authorizer:
    """Evaluates ClusterRoles, Roles and their bindings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def allowed(self, user: User, access: Access) -> bool:
        """Whether RBAC lets a user do something to a resource."""
        if _MASTERS in user.groups:
            return True
        return any(_covers(rule, access) for rule in self.rules(user, access.namespace))

    def why(self, user: User, access: Access) -> str:
        """Return the reason that an access review gives for an allowed access, or ""."""
        for kind, binding in self._bindings(user, access.namespace):
            rules = self._rules_of(binding["roleRef"], binding["metadata"].get("namespace", ""))
            if any(_covers(rule, access) for rule in rules):
                meta, reference = binding["metadata"], binding["roleRef"]
                where = f"/{meta['namespace']}" if meta.get("namespace") else ""
                subject = _subject_text(_matching(binding, user))
                return (
                    f'RBAC: allowed by {kind} "{meta["name"]}{where}" of {reference["kind"]}'
                    f' "{reference["name"]}" to {subject}'
                )
        return ""

    def allowed_path(self, user: User, verb: str, path: str) -> bool:
        """Whether a user may request a path that is no resource."""
        if _MASTERS in user.groups:
            return True
        for rule in self.rules(user, ""):
            if "*" in rule.get("verbs", ()) or verb in rule.get("verbs", ()):
                for pattern in rule.get("nonResourceURLs") or ():
                    prefix = pattern.removesuffix("*")
                    if pattern == path or (prefix != pattern and path.startswith(prefix)):
                        return True
        return False

    def rules(self, user: User, namespace: str) -> Iterator[Json]:
        """Yield the rules that hold for a user in a namespace (or cluster-wide for "")."""
        if _MASTERS in user.groups:
            yield _EVERYTHING
            yield _ANY_PATH
        for _, binding in self._bindings(user, namespace):
            yield from self._rules_of(binding["roleRef"], binding["metadata"].get("namespace", ""))

    def _bindings(self, user: User, namespace: str) -> Iterator[tuple[str, Json]]:
        for binding in self._store.all("ClusterRoleBinding"):
            if _matching(binding, user):
                yield "ClusterRoleBinding", binding
        if namespace:
            for binding in self._store.all("RoleBinding", namespace):
                if _matching(binding, user):
                    yield "RoleBinding", binding

    def _rules_of(self, reference: Json, namespace: str) -> list[Json]:
        kind, name = reference.get("kind", ""), reference.get("name", "")
        if kind == "Role":
            role = self._store.get("Role", namespace, name)
        else:
            role = self._store.get("ClusterRole", "", name)
        return [] if role is None else list(role.get("rules") or ())


def refusal(user: User, access: Access) -> str:
    """Return what the API server says to a user who may not."""
    shown = f"{access.plural}/{access.subresource}" if access.subresource else access.plural
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    return (
        f'User "{user.name}" cannot {access.verb} resource "{shown}"'
        f' in API group "{access.group}" {where}'
    )


def _matching(binding: Json, user: User) -> Json | None:
    here = binding["metadata"].get("namespace", "")
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "User" and name == user.name:
            return dict(subject)
        if kind == "Group" and name in user.groups:
            return dict(subject)
        if kind == "ServiceAccount":
            space = subject.get("namespace") or here
            if user.name == f"system:serviceaccount:{space}:{name}":
                return dict(subject)
    return None


def _covers(rule: Json, access: Access) -> bool:
    verbs, groups = rule.get("verbs") or (), rule.get("apiGroups") or ()
    resources, names = rule.get("resources") or (), rule.get("resourceNames") or ()
    if "*" not in verbs and access.verb not in verbs:
        return False
    if "*" not in groups and access.group not in groups:
        return False
    full = f"{access.plural}/{access.subresource}" if access.subresource else access.plural
    wild = f"*/{access.subresource}" if access.subresource else ""
    if "*" not in resources and full not in resources and (not wild or wild not in resources):
        return False
    return not names or access.name in names


def _subject_text(subject: Json | None) -> str:
    found = subject or {}
    name = found.get("name", "")
    if found.get("kind") == "ServiceAccount":
        return f'ServiceAccount "{name}/{found.get("namespace", "")}"'
    return f'{found.get("kind", "")} "{name}"'
