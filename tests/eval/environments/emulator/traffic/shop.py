"""A small app that uses every field of the model once."""

from __future__ import annotations

from typing import Any

from eval.apps.loader import parse_app
from eval.apps.model import App

FLAGS = '{"flags": {"slow": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}, "fail": {"state": "ENABLED", "variants": {"half": 0.5, "off": 0}, "defaultVariant": "off"}, "flood": {"state": "ENABLED", "variants": {"on": 3, "off": 0}, "defaultVariant": "off"}, "leak": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}}}'


def data() -> dict[str, Any]:
    """The app as it would be in a YAML."""
    return {
        "name": "shop",
        "namespace": "shop",
        "label": "app",
        "entry": "web",
        "workload": {
            "rate": 20,
            "flag": "flood",
            "mix": [{"operation": "/buy", "share": 0.5}, {"operation": "/look", "share": 0.5}],
        },
        "flags": {"service": "flagd", "config_map": "flags", "key": "flags.json"},
        "config_maps": {"flags": {"flags.json": FLAGS}, "settings": {"settings.ini": "mode=fast"}},
        "secrets": {"db": {"password": "geheim"}},
        "services": {
            "web": {
                "image": "shop/web:1",
                "language": "go",
                "ports": [8080],
                "keepalive_seconds": 5,
                "env": {"STOCK_ADDR": "stock:9000"},
                "health": ["/healthz"],
                "required": [{"env": "STOCK_ADDR"}],
                "pools": {"stock": {"size": 50, "wait_ms": 100, "exhausted": {"text": "no connection left"}}},
                "effects": [
                    {"flag": "fail", "operation": "/look", "error": {"text": "broken by design"}},
                    {"flag": "leak", "memory_mb_per_minute": 30},
                ],
                "chatter": [{"line": {"level": "info", "text": "all is well"}, "per_minute": 6}],
                "limits": {"memory": "64Mi"},
                "operations": {
                    "/buy": {
                        "span": "POST /buy",
                        "calls": [
                            {
                                "to": "stock", "operation": "take", "env": "STOCK_ADDR", "timeout_ms": 500,
                                "retries": 2, "backoff_ms": 10,
                                "always": {"text": "buying failed: {error}"},
                            },
                            {"to": "broker", "operation": "publish", "topic": "orders"},
                        ],
                    },
                    "/look": {"span": "GET /look", "calls": [{"to": "cache", "operation": "get", "optional": True, "timeout_ms": 200}, {"to": "db", "operation": "select items", "share": 0.1, "cache": "cache", "always": {"text": "looking failed: {error}"}}]},
                },
            },
            "stock": {
                "image": "shop/stock:1",
                "ports": [9000],
                "workers": 4,
                "queue": 20,
                "keepalive_seconds": 5,
                "settings": [{"file": "settings.ini", "holds": "mode=", "error": {"text": "no mode in {file}"}}],
                "mounts": [{"path": "/etc/stock", "config_map": "settings"}],
                "secret_env": {"DB_PASSWORD": {"secret": "db", "key": "password"}},
                "logins": {"db": {"user": "stock", "database": "stock", "password_env": "DB_PASSWORD"}},
                "usage": {"cpu_ms": 4},
                "limits": {"cpu": "500m"},
                "init": [{"name": "wait-db", "wait_for": "db", "port": 5432}],
                "effects": [{"flag": "slow", "latency_ms": 900}],
                "operations": {"take": {"latency_ms": 5, "calls": [{"to": "db", "operation": "update stock", "always": {"text": "taking failed: {error}"}}]}},
            },
            "db": {
                "image": "postgres:16",
                "language": "postgresql",
                "ports": [5432],
                "store": {"engine": "postgresql", "users": [{"name": "stock", "password": "geheim", "roles": {"stock": "readWrite"}}], "max_connections": 100},
                "operations": {"select items": {"latency_ms": 2, "traced": False}, "update stock": {"latency_ms": 3, "traced": False}},
            },
            "cache": {
                "image": "redis:7",
                "language": "redis",
                "ports": [6379],
                "store": {"engine": "redis"},
                "operations": {"get": {"latency_ms": 0.3, "traced": False}},
            },
            "broker": {
                "image": "kafka:3",
                "language": "kafka",
                "ports": [9092],
                "store": {"engine": "kafka"},
                "operations": {"publish": {"latency_ms": 1, "traced": False}},
            },
            "mail": {
                "image": "shop/mail:1",
                "consumes": [{"broker": "broker", "topic": "orders", "operation": "send", "group": "mail", "per_second": 40, "failed": {"text": "mail failed: {error}"}}],
                "ports": [7000],
                "operations": {"send": {"latency_ms": 2}},
            },
            "flagd": {"image": "flagd:1", "ports": [8013], "mounts": [{"path": "/flags", "config_map": "flags"}]},
        },
    }  # fmt: skip


def shop() -> App:
    """The loaded app."""
    return parse_app(data(), "shop")
