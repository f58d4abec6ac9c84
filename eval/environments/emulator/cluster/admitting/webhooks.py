"""Admission webhooks: who is called, what the API server says when a call fails."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.objects import key_of, labels_of
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.software import Software
from eval.environments.emulator.cluster.store import Store
from eval.environments.emulator.seams import Review

_DNS = "10.96.0.10:53"
_OWN_GROUP = "admissionregistration.k8s.io"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Calls the webhooks of a cluster. `listening` says on which ports a pod accepts connections."""

    store: Store
    index: Index
    software: Software
    listening: Callable[[Json], frozenset[int]]

    def admit(self, resource: Resource, obj: Json, operation: str) -> Json:
        """Return the object as the mutating webhooks leave it. Raises `ApiError`."""
        for hook in self._hooks("MutatingWebhookConfiguration", resource, obj, operation):
            answer = self._call(hook, obj)
            if answer is not None and answer.obj is not None:
                obj = answer.obj
        return obj

    def validate(self, resource: Resource, obj: Json, operation: str) -> None:
        """Ask the validating webhooks. Raises `ApiError`."""
        for hook in self._hooks("ValidatingWebhookConfiguration", resource, obj, operation):
            self._call(hook, obj)

    def _hooks(self, kind: str, resource: Resource, obj: Json, operation: str) -> Iterator[Json]:
        if resource.group == _OWN_GROUP:
            return
        for configuration in self.store.all(kind):
            for hook in configuration.get("webhooks") or ():
                if self._concerns(hook, resource, obj, operation):
                    yield hook

    def _concerns(self, hook: Json, resource: Resource, obj: Json, operation: str) -> bool:
        if not any(_rule_matches(rule, resource, operation) for rule in hook.get("rules") or ()):
            return False
        namespace = obj["metadata"].get("namespace", "")
        selector = hook.get("namespaceSelector")
        if selector and (resource.namespaced or resource.kind == "Namespace"):
            found = obj if resource.kind == "Namespace" else None
            found = found or self.store.get("Namespace", "", namespace) or obj
            if not selector_matches(selector, labels_of(found)):
                return False
        wanted = hook.get("objectSelector")
        return not wanted or selector_matches(wanted, labels_of(obj))

    def _call(self, hook: Json, obj: Json) -> Review | None:
        """Return the answer; None when the call failed and that is ignored."""
        name, config = hook["name"], hook.get("clientConfig") or {}
        answer = self._reach(hook, config, obj)
        if isinstance(answer, str):
            if hook.get("failurePolicy", "Fail") == "Ignore":
                return None
            text = f'failed calling webhook "{name}": failed to call webhook: {answer}'
            raise ApiError(
                500,
                "InternalError",
                f"Internal error occurred: {text}",
                {"causes": [{"message": text}]},
            )
        if not answer.allowed:
            said = f": {answer.message}" if answer.message else " without explanation"
            raise ApiError(403, "Forbidden", f'admission webhook "{name}" denied the request{said}')
        return answer

    def _reach(self, hook: Json, config: Json, obj: Json) -> Review | str:
        """Return the answer, or the error of the HTTP call."""
        seconds = hook.get("timeoutSeconds", 10)
        service = config.get("service")
        if service is None:
            url = f"{config.get('url', '')}?timeout={seconds}s"
            host = str(config.get("url", "")).split("//")[-1].split("/")[0].split(":")[0]
            return f'Post "{url}": dial tcp: lookup {host} on {_DNS}: no such host'
        namespace, name = service["namespace"], service["name"]
        port, path = int(service.get("port", 443)), str(service.get("path") or "")
        url = f"https://{name}.{namespace}.svc:{port}{path}?timeout={seconds}s"
        found = self.store.get("Service", namespace, name)
        if found is None:
            return f'service "{name}" not found'
        ports = {item["port"]: item for item in found["spec"].get("ports") or ()}
        if port not in ports:
            return f'Post "{url}": no service port {port} found for service "{name}"'
        targets = self._targets(found, ports[port])
        if not targets:
            return f'Post "{url}": no endpoints available for service "{name}"'
        pod, number, address = targets[0]
        if number not in self.listening(pod):
            where = f"{found['spec'].get('clusterIP', address)}:{port}"
            return f'Post "{url}": dial tcp {where}: connect: connection refused'
        if not _is_certificate(str(config.get("caBundle") or "")):
            why = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
            return f'Post "{url}": {why}'
        answer = self.software.review(hook["name"], path, pod, obj)
        if answer == "timeout":
            return f'Post "{url}": context deadline exceeded'
        return answer

    def _targets(self, service: Json, port: Json) -> list[tuple[Json, int, str]]:
        endpoints = self.store.get("Endpoints", *key_of(service)) or {}
        found = []
        for subset in endpoints.get("subsets") or ():
            number = next(
                (
                    p["port"]
                    for p in subset.get("ports") or ()
                    if p.get("name", "") == port.get("name", "")
                ),
                None,
            )
            for address in subset.get("addresses") or ():
                pod = self.index.at_address(address["ip"])
                if pod is not None and number is not None:
                    found.append((pod, int(number), str(address["ip"])))
        return found


def _rule_matches(rule: Json, resource: Resource, operation: str) -> bool:
    def has(field: str, value: str) -> bool:
        values = rule.get(field) or ()
        return "*" in values or value in values

    scope = rule.get("scope", "*")
    return (
        has("operations", operation)
        and has("apiGroups", resource.group)
        and has("apiVersions", resource.version)
        and (has("resources", resource.plural) or "*/*" in (rule.get("resources") or ()))
        and (scope == "*" or (scope == "Namespaced") is resource.namespaced)
    )


def _is_certificate(bundle: str) -> bool:
    try:
        return b"BEGIN CERTIFICATE" in base64.b64decode(bundle, validate=True)
    except (binascii.Error, ValueError):
        return False
