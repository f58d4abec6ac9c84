"""Kubeconfig files."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from connectors.api.values import Json


def write_kubeconfig(
    path: Path, *, server: str, certificate: str, user: str, token: str, namespace: str
) -> None:
    """Write a kubeconfig with one cluster, one user and one context, readable by its owner only."""
    authority = base64.b64encode(certificate.encode()).decode()
    config: Json = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "kubernetes",
                "cluster": {"server": server, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [
            {
                "name": f"{user}@kubernetes",
                "context": {"cluster": "kubernetes", "user": user, "namespace": namespace},
            }
        ],
        "current-context": f"{user}@kubernetes",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
