from __future__ import annotations

import pytest

from eval.apps.loader import parse_app
from eval.apps.model import App

SHOP = {
    "name": "shop",
    "namespace": "shop",
    "label": "app",
    "entry": "front",
    "registry": "registry",
    "workload": {"mix": [{"operation": "/buy", "share": 1.0}], "rate": 5},
    "services": {
        "front": {
            "image": "shop/front:1",
            "language": "go",
            "ports": [8080],
            "health": ["/healthz"],
            "logins": {"stock": {"user": "shop", "database": "goods"}},
            "operations": {
                "/buy": {
                    "latency_ms": 0.1,
                    "failed": {"at": "front.go:7", "text": "cannot buy: {error}"},
                    "calls": [{"to": "stock", "operation": "find", "timeout_ms": 300}],
                },
                "/slow": {"latency_ms": 0.1},
            },
        },
        "stock": {
            "image": "mongo:4.4.6",
            "language": "mongod",
            "ports": [27017],
            "requests": {"cpu": "200m"},
            "store": {
                "engine": "mongodb",
                "users": [{"name": "shop", "password": "s3", "roles": {"goods": "readWrite"}}],
            },
            "mounts": [{"path": "/data/db", "claim": "stock-pvc"}],
            "operations": {"find": {"latency_ms": 0.1, "traced": False}},
        },
        "registry": {"image": "consul:1", "ports": [8500], "command": ["/bin/consul", "agent"]},
    },
    "volumes": {"stock-pvc": "1Gi"},
}


@pytest.fixture
def shop() -> App:
    return parse_app(dict(SHOP))
