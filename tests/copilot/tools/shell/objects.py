"""A small app for the command lines: what is made of it in a namespace."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SERVE = (
    "import http.server as h; print('serving', flush=True);"
    " h.HTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
)
CRASH = "print('FATAL login failed for app', flush=True); raise SystemExit(3)"
# Texts that YAML must quote, fold or keep.
WORDS = {
    "mode": "fast",
    "empty": "",
    "number": "12",
    "octal": "0o17",
    "float": "1e3",
    "yes": "yes",
    "null": "null",
    "date": "2026-03-01",
    "colon": "a: b",
    "hash": "a #b",
    "dash": "- a",
    "star": "*a",
    "quote": 'it\'s "so"',
    "long": "word " * 40,
    "lines": "first\nsecond\n",
    "unended": "first\nsecond",
    "indented": "  first\nsecond\n",
    "trailing": "first \nsecond\n\n",
    "unicode": "grün ✓",
    "brackets": "{a: 1}",
    "percent": "%x",
    "at": "@x",
    "less": "a<b && c>d",
    "spaces": " a ",
    "tab": "a\tb",
    "json": '{"a": [1, 2]}',
    "time": "12:30:45",
    "plus": "+1",
    "tilde": "~",
    "equals": "=",
    "backslash": "C:\\x",
}


def objects(image: str, *, shell: bool = True) -> list[Json]:
    """Return what to create, in order."""
    return [
        {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": WORDS},
        {
            "kind": "Secret",
            "metadata": {"name": "login"},
            "type": "Opaque",
            "data": {"password": "aHVudGVyMg=="},
        },
        {
            "kind": "ResourceQuota",
            "metadata": {"name": "room"},
            "spec": {"hard": {"pods": "50", "requests.cpu": "4"}},
        },
        {
            "kind": "NetworkPolicy",
            "metadata": {"name": "open"},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
        },
        _service("web"),
        _service("lonely"),
        _deployment("web", SERVE, image, 2),
        _deployment("crash", CRASH, image, 1),
        _deployment("lost", SERVE, image, 1, nodeSelector={"no-such": "node"}),
    ]


def _service(name: str) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "kind": "Service",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def _deployment(name: str, program: str, image: str, replicas: int, **spec: Any) -> Json:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", program],
        "env": [{"name": "PEER", "value": "web:80"}, {"name": "EMPTY"}],
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m"}},
    }
    pods = {"terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    template = {"metadata": {"labels": {"app": name, "tier": "front"}}, "spec": pods}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    }
