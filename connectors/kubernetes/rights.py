"""Holds requests to the rights of the asking user: by impersonation, or by asking the API server first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from connectors.api.errors import SourceForbidden
from connectors.kubernetes.settings import KubernetesSettings

REVIEW = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
OWN_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SECONDS = 30.0
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Attributes = tuple[tuple[str, str], ...]
"""`resourceAttributes` of an access review, as sorted pairs."""


def in_the_users_name(settings: KubernetesSettings, request: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the client's request (method, URL, headers, …), made in the user's name where settings say so."""
    if settings.rights != "impersonate" or not settings.user:
        return request
    from multidict import CIMultiDict

    method, url, headers, *rest = request
    named = CIMultiDict(headers)
    named["Impersonate-User"] = settings.user
    for group in settings.groups:
        named.add("Impersonate-Group", group)
    return (method, url, named, *rest)


def kubectl_options(settings: KubernetesSettings) -> list[str]:
    """Return the options with which kubectl acts in the user's name.

    Raises `SourceForbidden` where rights are reviewed: nobody could review what kubectl asks.
    """
    if settings.rights == "review" and settings.user:
        raise SourceForbidden(
            f"what kubectl reads is not held to the rights of {settings.user}:"
            ' use the other tools, or set cluster.rights = "impersonate"'
        )
    if settings.rights != "impersonate" or not settings.user:
        return []
    return [f"--as={settings.user}", *(f"--as-group={group}" for group in settings.groups)]


def attributes(method: str, path: str) -> Attributes | None:
    """Return what a request does to which resource; None for one about no resource (discovery, reviews)."""
    if path in (REVIEW, OWN_REVIEW):
        return None
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        group, rest = "", parts[2:]
    elif parts[0] == "apis":
        group, rest = (parts[1] if len(parts) > 1 else ""), parts[3:]
    else:
        return None
    if not rest:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        rest = rest[2:] or ["namespaces", namespace]
    resource, name, subresource = (*rest, "", "", "")[:3]
    verb = _VERBS.get(method, "get" if name else "list")
    found = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    return tuple(sorted((key, value) for key, value in found.items() if value or key == "group"))


class Reviews:
    """Asks, and remembers for half a minute, what the settings' user may do."""

    def __init__(
        self,
        settings: KubernetesSettings,
        ask: Callable[[dict[str, Any]], Awaitable[bytes]],
    ) -> None:
        self._user = {"user": settings.user, "groups": list(settings.groups)}
        self._ask = ask
        self._known: dict[Attributes, tuple[float, bool, str]] = {}

    async def require(self, asked: Attributes, server: str, task: str) -> None:
        """Raise `SourceForbidden` unless the user may."""
        # Rights to single objects are rare: asked the wide way, one answer serves for many requests.
        wide = tuple(pair for pair in asked if pair[0] != "name")
        allowed, reason = await self._may(wide)
        if not allowed and wide != asked:
            allowed, reason = await self._may(asked)
        if not allowed:
            raise SourceForbidden(
                f"kubernetes {server}: cannot {task}: {self._user['user']} may not"
                + (f" ({reason})" if reason else "")
            )

    async def both(self, data: bytes, body: Mapping[str, Any]) -> bytes:
        """Return the answer to the question what we may do: only what the user may, too."""
        answer = json.loads(data)
        if not (answer.get("status") or {}).get("allowed"):
            return data
        asked = body["spec"]["resourceAttributes"]
        allowed, reason = await self._may(
            tuple(sorted((k, v) for k, v in asked.items() if v or k == "group"))
        )
        answer["status"] = {"allowed": allowed, "reason": reason}
        return json.dumps(answer).encode()

    async def _may(self, asked: Attributes) -> tuple[bool, str]:
        now = asyncio.get_running_loop().time()
        known = self._known.get(asked)
        if known is None or now - known[0] > _SECONDS:
            spec = {**self._user, "resourceAttributes": dict(asked)}
            data = await self._ask(
                {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "SubjectAccessReview",
                    "spec": spec,
                }
            )
            status = json.loads(data).get("status") or {}
            known = now, bool(status.get("allowed")), str(status.get("reason") or "")
            self._known[asked] = known
        return known[1], known[2]
