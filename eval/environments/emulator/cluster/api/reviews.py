"""Self reviews: what may I do, and who am I."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.identities import Identity


def review(path: str, body: Json, identity: Identity) -> Json | None:
    """Answer a POST to a review resource; None for any other path."""
    if path.endswith("/selfsubjectaccessreviews"):
        return {**body, "status": _access(body.get("spec") or {}, identity)}
    if path.endswith("/selfsubjectrulesreviews"):
        status: Json = {
            "resourceRules": identity.rules(),
            "nonResourceRules": [
                {
                    "verbs": ["get"],
                    "nonResourceURLs": ["/api", "/apis", "/healthz", "/livez", "/version"],
                }
            ],
            "incomplete": False,
        }
        return {**body, "status": status}
    if path.endswith("/selfsubjectreviews"):
        user = {"username": identity.name, "groups": list(identity.groups)}
        return {**body, "status": {"userInfo": user}}
    return None


def _access(spec: Json, identity: Identity) -> Json:
    attributes = spec.get("resourceAttributes")
    if attributes is None:
        verb = (spec.get("nonResourceAttributes") or {}).get("verb", "get")
        return {"allowed": identity.writes or verb == "get"}
    verb, plural = attributes.get("verb", ""), attributes.get("resource", "")
    group, subresource = attributes.get("group", ""), attributes.get("subresource", "")
    if identity.writes:
        return {"allowed": True}
    if "*" in (verb, plural, group):
        return {"allowed": False}
    return {"allowed": identity.may(verb, group, plural, subresource)}
