"""The Kubernetes API as plain documents, for tests that do by program what a person does by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Document = dict[str, Any]

_PLURALS = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "Endpoints": "/api/v1/namespaces/{namespace}/endpoints",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}

_PATCHES = {
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


class ApiError(Exception):
    """The API server refused; `status` is its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text[:400]}")
        self.status = status
        self.text = text


class Kube:
    """A cluster, by kubeconfig. Paths are the API's own."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import config

        self.kubeconfig = kubeconfig
        self._client = config.new_client_from_config(str(kubeconfig))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        timeout: float = 15.0,
    ) -> str:
        """Send one request and return the answer's text. Raises `ApiError`."""
        serialized = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Content-Type": content, "Accept": "application/json, */*"},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = self._client.call_api(*serialized, _request_timeout=timeout)
        text = answer.read().decode("utf-8", "replace")
        if answer.status >= 400:
            raise ApiError(answer.status, text)
        return str(text)

    def get(self, kind: str, namespace: str, name: str) -> Document:
        """Return one object. Raises `ApiError` 404."""
        return _document(self.request("GET", f"{collection(kind, namespace)}/{name}"))

    def find(self, kind: str, namespace: str, name: str) -> Document | None:
        """Return one object, None if it is not there."""
        try:
            return self.get(kind, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def all(self, kind: str, namespace: str, selector: str = "") -> list[Document]:
        """Return the objects of a kind, by label selector."""
        query = {"labelSelector": selector} if selector else {}
        found = _document(self.request("GET", collection(kind, namespace), query=query))
        return list(found["items"])

    def create(self, namespace: str, body: Document) -> Document:
        """Create an object of a known kind."""
        path = collection(body["kind"], namespace)
        return _document(self.request("POST", path, body, query=_by("kubectl-create")))

    def apply(self, namespace: str, body: Document) -> Document:
        """Create or change an object, as `kubectl apply --server-side` does."""
        path = f"{collection(body['kind'], namespace)}/{body['metadata']['name']}"
        content = "application/apply-patch+yaml"
        return _document(self.request("PATCH", path, body, content=content, query=_by("kubectl")))

    def patch(
        self, kind: str, namespace: str, name: str, body: object, how: str = "strategic"
    ) -> Document:
        """Patch an object, as `kubectl patch` and `kubectl edit` do."""
        path = f"{collection(kind, namespace)}/{name}"
        return _document(
            self.request("PATCH", path, body, content=_PATCHES[how], query=_by("kubectl-edit"))
        )

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; one that is not there is no error."""
        try:
            self.request("DELETE", f"{collection(kind, namespace)}/{name}")
        except ApiError as error:
            if error.status != 404:
                raise

    def through_service(self, namespace: str, service: str, port: int, path: str) -> str:
        """Send a GET to a Service's pod through the API server. Raises `ApiError`."""
        return self.request(
            "GET",
            f"{collection('Service', namespace)}/{service}:{port}/proxy{path}",
            timeout=10,
        )


def collection(kind: str, namespace: str) -> str:
    """Return the API path of a kind's collection."""
    return _PLURALS[kind].format(namespace=namespace)


def _by(manager: str) -> dict[str, str]:
    return {"fieldManager": manager}


def _document(text: str) -> Document:
    parsed = json.loads(text)
    assert isinstance(parsed, dict)
    return parsed
