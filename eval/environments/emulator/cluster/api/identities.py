"""Who may do what: an administrator, and a viewer who reads everything but Secrets."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import ApiError, qualified, unauthorized

_READ = frozenset(("get", "list", "watch"))
_REVIEWS = frozenset(("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"))


@dataclass(frozen=True, slots=True)
class Identity:
    """A user with a bearer token."""

    name: str
    groups: tuple[str, ...]
    token: str
    writes: bool

    def may(self, verb: str, group: str, plural: str, subresource: str = "") -> bool:
        """Whether the user may do `verb` on a resource."""
        if self.writes:
            return True
        if plural in _REVIEWS:
            return verb == "create"
        if (group, plural) == ("", "secrets"):
            return False
        return verb in _READ and subresource not in ("exec", "attach", "portforward", "proxy")

    def require(
        self, verb: str, group: str, plural: str, namespace: str, name: str, subresource: str = ""
    ) -> None:
        """Raise `ApiError` 403 in the API server's words unless the user may."""
        if self.may(verb, group, plural, subresource):
            return
        shown = f"{plural}/{subresource}" if subresource else plural
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        subject = f'{qualified(group, plural)} "{name}"' if name else qualified(group, plural)
        details: Json = {"name": name} if name else {}
        if group:
            details["group"] = group
        details["kind"] = plural
        raise ApiError(
            403,
            "Forbidden",
            f'{subject} is forbidden: User "{self.name}" cannot {verb} resource "{shown}"'
            f' in API group "{group}" {where}',
            details,
        )

    def rules(self) -> list[Json]:
        """Return the rules as a SelfSubjectRulesReview shows them."""
        reviews = {
            "verbs": ["create"],
            "apiGroups": ["authorization.k8s.io"],
            "resources": sorted(_REVIEWS),
        }
        if self.writes:
            return [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, reviews]
        core = [
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "pods/log",
            "pods/status",
            "replicationcontrollers",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ]
        read = sorted(_READ)
        groups = [
            "apps",
            "autoscaling",
            "batch",
            "discovery.k8s.io",
            "events.k8s.io",
            "networking.k8s.io",
            "policy",
            "rbac.authorization.k8s.io",
            "scheduling.k8s.io",
            "storage.k8s.io",
            "coordination.k8s.io",
        ]
        return [
            {"verbs": read, "apiGroups": [""], "resources": core},
            {"verbs": read, "apiGroups": groups, "resources": ["*"]},
            reviews,
        ]


class Identities:
    """The users of one cluster."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self.by_user = {
            "admin": Identity(
                "kubernetes-admin",
                ("system:masters", "system:authenticated"),
                tokens["admin"],
                writes=True,
            ),
            "viewer": Identity(
                "viewer", ("viewers", "system:authenticated"), tokens["viewer"], writes=False
            ),
        }

    def of(self, authorization: str) -> Identity:
        """Return who sent an Authorization header. Raises `ApiError` 401."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            for identity in self.by_user.values():
                if identity.token == token.strip():
                    return identity
        raise unauthorized()
