"""Reviews: what may I or someone else do, who am I, whose token is this."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.tokens import Authenticator
from eval.environments.emulator.cluster.authorizer import Access, Authorizer, User


class Reviews:
    """Answers the review resources of the authorization and authentication groups."""

    def __init__(self, authorizer: Authorizer, authenticator: Authenticator) -> None:
        self._authorizer = authorizer
        self._authenticator = authenticator

    def answer(self, plural: str, namespace: str, body: Json, user: User) -> Json | None:
        """Answer a POST to a review resource; None for any other resource."""
        spec = body.get("spec") or {}
        if plural == "selfsubjectaccessreviews":
            return {**body, "status": self._access(spec, user)}
        if plural in ("subjectaccessreviews", "localsubjectaccessreviews"):
            other = User(
                spec.get("user", ""), tuple(spec.get("groups") or ()), str(spec.get("uid", ""))
            )
            if namespace:
                attributes = {**(spec.get("resourceAttributes") or {}), "namespace": namespace}
                spec = {**spec, "resourceAttributes": attributes}
            return {**body, "status": self._access(spec, other)}
        if plural == "selfsubjectrulesreviews":
            return {**body, "status": self._rules(user, spec.get("namespace", ""))}
        if plural == "selfsubjectreviews":
            return {**body, "status": {"userInfo": _info(user)}}
        if plural == "tokenreviews":
            found = self._authenticator.of_token(str(spec.get("token", "")))
            if found is None:
                return {**body, "status": {"error": "token is invalid", "user": {}}}
            return {**body, "status": {"authenticated": True, "user": _info(found)}}
        return None

    def _access(self, spec: Json, user: User) -> Json:
        attributes = spec.get("resourceAttributes")
        if attributes is None:
            path = spec.get("nonResourceAttributes") or {}
            allowed = self._authorizer.allowed_path(
                user, path.get("verb", "get"), path.get("path", "/")
            )
            return {"allowed": allowed}
        access = Access(
            verb=attributes.get("verb", ""),
            group=attributes.get("group", ""),
            plural=attributes.get("resource", ""),
            namespace=attributes.get("namespace", ""),
            name=attributes.get("name", ""),
            subresource=attributes.get("subresource", ""),
        )
        if not self._authorizer.allowed(user, access):
            return {"allowed": False}
        reason = self._authorizer.why(user, access)
        return {"allowed": True, **({"reason": reason} if reason else {})}

    def _rules(self, user: User, namespace: str) -> Json:
        resources: list[Json] = []
        paths: list[Json] = []
        for rule in self._authorizer.rules(user, namespace):
            if rule.get("nonResourceURLs"):
                paths.append({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]})
            if rule.get("resources"):
                resources.append(rule)
        return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}


def _info(user: User) -> Json:
    found: Json = {"username": user.name, "groups": list(user.groups)}
    return {**found, "uid": user.uid} if user.uid else found
