"""Kubeconfigs of people who may less than the one who runs the tests."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.app import wait
from tests.cluster.kube import Document, Kube, collection


@contextmanager
def reader(kube: Kube, folder: Path, only_in: str = "") -> Iterator[Path]:
    """Make somebody with the rights of `view`, everywhere or in one namespace only.

    The account lives in a namespace of its own, so that it changes nothing in the app's.
    """
    home = f"people-{secrets.token_hex(3)}"
    binding = _binding(home, only_in)
    try:
        kube.create("", _object("v1", "Namespace", home))
        # The account that every namespace comes with will do.
        wait(
            "the account of the namespace",
            lambda: kube.find("ServiceAccount", home, "default") is not None,
            seconds=30,
        )
        kube.apply(only_in, binding)
        path = folder / f"{home}.kubeconfig"
        path.write_text(yaml.safe_dump(_kubeconfig(kube.kubeconfig, _token(kube, home))))
        path.chmod(0o600)
        yield path
    finally:
        kube.delete(binding["kind"], only_in, home)
        kube.delete("Namespace", "", home)


def _binding(name: str, namespace: str) -> Document:
    rights = {
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "view",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": name}],
    }
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    return {**_object("rbac.authorization.k8s.io/v1", kind, name), **rights}


def _token(kube: Kube, namespace: str) -> str:
    minor = json.loads(kube.request("GET", "/version"))["minor"]
    if int(minor.rstrip("+")) < 24:
        return _token_of_secret(kube, namespace)
    path = f"{collection('ServiceAccount', namespace)}/default/token"
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(json.loads(kube.request("POST", path, wish))["status"]["token"])


def _token_of_secret(kube: Kube, namespace: str) -> str:
    # Before 1.24 every account gets a Secret with a token by itself.
    def tokens() -> list[str]:
        return [
            base64.b64decode(secret["data"]["token"]).decode()
            for secret in kube.all("Secret", namespace)
            if secret["type"] == "kubernetes.io/service-account-token"
            and secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == "default"
        ]

    wait("the account's token", lambda: bool(tokens()), seconds=30)
    return tokens()[0]


def _kubeconfig(mine: Path, token: str) -> Document:
    given: dict[str, Any] = yaml.safe_load(mine.read_text(encoding="utf-8"))
    contexts = {one["name"]: one["context"] for one in given["contexts"]}
    clusters = {one["name"]: dict(one["cluster"]) for one in given["clusters"]}
    cluster = clusters[contexts[given["current-context"]]["cluster"]]
    authority = cluster.get("certificate-authority")
    if authority:
        cluster["certificate-authority"] = str((mine.parent / authority).resolve())
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "reader",
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "reader", "user": {"token": token}}],
        "contexts": [{"name": "reader", "context": {"cluster": "here", "user": "reader"}}],
    }


def _object(version: str, kind: str, name: str) -> Document:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
