"""Who sends a request: static tokens, service account tokens, impersonation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.authorizer import Access, Authorizer, User, refusal
from eval.environments.emulator.cluster.errors import ApiError, unauthorized
from eval.environments.emulator.cluster.objects import rfc3339
from eval.environments.emulator.cluster.world import World

_ISSUER = "https://kubernetes.default.svc.cluster.local"
USERS = {
    "admin": User("kubernetes-admin", ("system:masters", "system:authenticated")),
    "viewer": User("viewer", ("viewers", "system:authenticated")),
}


class Authenticator:
    """Knows the static tokens of one cluster and issues tokens of service accounts."""

    def __init__(self, world: World, tokens: Mapping[str, str], authorizer: Authorizer) -> None:
        self._world = world
        self._static = {token: USERS[user] for user, token in tokens.items()}
        self._authorizer = authorizer
        self._key = secrets.token_bytes(32)

    def user(self, headers: Mapping[str, str]) -> User:
        """Return who a request acts as. Raises `ApiError` 401, or 403 for impersonation."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        found = self.of_token(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise unauthorized()
        return self._impersonated(found, headers)

    def of_token(self, token: str) -> User | None:
        """Return the user of a bearer token, None for a wrong or expired one."""
        known = self._static.get(token)
        if known is not None:
            return known
        claims = self._claims(token)
        if claims is None:
            return self._of_secret(token)
        account = claims["kubernetes.io"]["serviceaccount"]
        namespace = claims["kubernetes.io"]["namespace"]
        stored = self._world.store.get("ServiceAccount", namespace, account["name"])
        late = claims["exp"] < self._world.clock.now().timestamp()
        if late or stored is None or stored["metadata"]["uid"] != account["uid"]:
            return None
        return User.service_account(namespace, account["name"], account["uid"])

    def issue(self, account: Json, request: Json) -> Json:
        """Answer a TokenRequest for a service account."""
        meta, spec = account["metadata"], request.get("spec") or {}
        seconds = int(spec.get("expirationSeconds") or 3600)
        now: datetime = self._world.clock.now()
        until = now + timedelta(seconds=seconds)
        claims = {
            "aud": spec.get("audiences") or [_ISSUER],
            "exp": int(until.timestamp()),
            "iat": int(now.timestamp()),
            "iss": _ISSUER,
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
            },
            "nbf": int(now.timestamp()),
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        }
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                "creationTimestamp": rfc3339(now),
            },
            "spec": {
                "audiences": claims["aud"],
                "expirationSeconds": seconds,
                "boundObjectRef": spec.get("boundObjectRef"),
            },
            "status": {"token": self._signed(claims), "expirationTimestamp": rfc3339(until)},
        }

    def _signed(self, claims: Json) -> str:
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{head}.{body}.{self._signature(f'{head}.{body}')}"

    def _signature(self, text: str) -> str:
        return _encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest())

    def _claims(self, token: str) -> Json | None:
        head, _, signature = token.rpartition(".")
        if head.count(".") != 1 or not hmac.compare_digest(self._signature(head), signature):
            return None
        body = head.split(".")[1]
        claims: Json = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    def _of_secret(self, token: str) -> User | None:
        """Return the account whose token Secret holds a token."""
        if not token:
            return None
        wanted = base64.b64encode(token.encode()).decode()
        for secret in self._world.store.all("Secret"):
            if secret.get("type") != "kubernetes.io/service-account-token":
                continue
            if (secret.get("data") or {}).get("token") == wanted:
                notes = secret["metadata"].get("annotations") or {}
                name = notes.get("kubernetes.io/service-account.name", "")
                return User.service_account(secret["metadata"]["namespace"], name)
        return None

    def _impersonated(self, user: User, headers: Mapping[str, str]) -> User:
        name = headers.get("Impersonate-User", "")
        groups = tuple(
            value for key, value in headers.items() if key.lower() == "impersonate-group"
        )
        if not name:
            if groups:
                raise ApiError(500, "InternalError", "requested group without user")
            return user
        parts = name.split(":")
        account = name.startswith("system:serviceaccount:") and len(parts) == 4
        if account:
            self._may_be(user, "serviceaccounts", parts[2], parts[3])
        else:
            self._may_be(user, "users", "", name)
        for group in groups:
            self._may_be(user, "groups", "", group)
        if account and not groups:
            return User.service_account(parts[2], parts[3])
        return User(name, tuple(dict.fromkeys((*groups, "system:authenticated"))))

    def _may_be(self, user: User, plural: str, namespace: str, name: str) -> None:
        access = Access("impersonate", "", plural, namespace, name)
        if not self._authorizer.allowed(user, access):
            text = refusal(user, access)
            raise ApiError(
                403,
                "Forbidden",
                f'{plural} "{name}" is forbidden: {text}',
                {"name": name, "kind": plural},
            )


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
