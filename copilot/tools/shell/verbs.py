"""kubectl's read verbs and the options of each that only read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NUMBER = re.compile(r"-?\d{1,12}")
_AGE = re.compile(r"(?:\d{1,9}(?:\.\d+)?(?:ms|[smh]))+|0")
_LABELS = re.compile(r"[A-Za-z0-9._/=!,() -]{1,500}")
_FIELDS = re.compile(r"[A-Za-z0-9._/=!,:\[\]-]{1,500}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
_NAMES = re.compile(r"[A-Za-z0-9._/,:-]{1,500}")
_PATH = re.compile(r"[\w.\[\]{}\"'/\\-]{1,200}")
_TIME = re.compile(r"[0-9T:Z.+-]{10,40}")
_FREE = re.compile(r"(?s).{1,2000}")


@dataclass(frozen=True, slots=True)
class Flag:
    """An option. Without `pattern` it is a switch; else its value must match it whole."""

    name: str
    short: str = ""
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """A read verb: its options, how many words may follow it, and whether it asks of one namespace."""

    name: str
    flags: Mapping[str, Flag] = field(default_factory=dict)
    least: int = 0
    most: int = 20
    namespaced: bool = True


def _flags(*flags: Flag) -> dict[str, Flag]:
    return {flag.name: flag for flag in flags}


NAMESPACE = Flag("namespace", "n", _NAME)
CONTEXT = Flag("context", "", _FREE)
TIMEOUT = Flag("request-timeout", "", _AGE)
_COMMON = (NAMESPACE, CONTEXT, TIMEOUT)
_ALL = Flag("all-namespaces", "A")
_SELECTOR = Flag("selector", "l", _LABELS)
_FIELD_SELECTOR = Flag("field-selector", "", _FIELDS)
_HEADERS = Flag("no-headers")
_MANAGED = Flag("show-managed-fields")
_CHUNK = Flag("chunk-size", "", _NUMBER)

_VERBS = (
    Verb(
        "get",
        _flags(
            *_COMMON,
            *(_ALL, _SELECTOR, _FIELD_SELECTOR, _HEADERS, _MANAGED, _CHUNK),
            Flag("output", "o", _FREE),
            Flag("label-columns", "L", _NAMES),
            Flag("show-labels"),
            Flag("show-kind"),
            Flag("ignore-not-found"),
            Flag("sort-by", "", _PATH),
        ),
        1,
    ),
    Verb("describe", _flags(*_COMMON, _ALL, _SELECTOR, _CHUNK, Flag("show-events")), 1, most=20),
    Verb(
        "logs",
        _flags(
            *_COMMON,
            _SELECTOR,
            Flag("container", "c", _NAME),
            Flag("all-containers"),
            Flag("all-pods"),
            Flag("previous", "p"),
            Flag("prefix"),
            Flag("timestamps"),
            Flag("ignore-errors"),
            Flag("tail", "", _NUMBER),
            Flag("since", "", _AGE),
            Flag("since-time", "", _TIME),
            Flag("limit-bytes", "", _NUMBER),
            Flag("max-log-requests", "", _NUMBER),
        ),
        0,
        most=2,
    ),
    Verb(
        "top",
        _flags(
            *_COMMON,
            *(_ALL, _SELECTOR, _FIELD_SELECTOR, _HEADERS),
            Flag("containers"),
            Flag("sum"),
            Flag("show-capacity"),
            Flag("sort-by", "", _NAME),
        ),
        1,
        most=2,
    ),
    Verb(
        "events",
        _flags(
            *_COMMON,
            *(_ALL, _HEADERS, _CHUNK),
            Flag("for", "", _NAMES),
            Flag("types", "", re.compile(r"[A-Za-z,]{1,40}")),
        ),
        most=0,
    ),
    Verb(
        "explain",
        _flags(
            *_COMMON,
            Flag("recursive"),
            Flag("api-version", "", _NAMES),
        ),
        1,
        most=1,
        namespaced=False,
    ),
    Verb(
        "api-resources",
        _flags(
            *_COMMON,
            _HEADERS,
            Flag("namespaced"),
            Flag("api-group", "", _NAME),
            Flag("verbs", "", _NAMES),
            Flag("categories", "", _NAMES),
            Flag("sort-by", "", re.compile("name|kind")),
            Flag("output", "o", re.compile("wide|name")),
        ),
        most=0,
        namespaced=False,
    ),
    Verb("api-versions", _flags(*_COMMON), most=0, namespaced=False),
    Verb(
        "rollout history",
        _flags(*_COMMON, _SELECTOR, Flag("revision", "", _NUMBER)),
        1,
        most=2,
    ),
    Verb("rollout status", _flags(*_COMMON, _SELECTOR, Flag("revision", "", _NUMBER)), 1, most=2),
    Verb(
        "auth can-i",
        _flags(
            *_COMMON, _HEADERS, Flag("list"), Flag("quiet", "q"), Flag("subresource", "", _NAME)
        ),
        most=3,
    ),
    Verb("auth whoami", _flags(*_COMMON), most=0, namespaced=False),
    Verb(
        "version",
        _flags(*_COMMON, Flag("client"), Flag("output", "o", re.compile("json|yaml"))),
        most=0,
        namespaced=False,
    ),
    Verb("cluster-info", _flags(*_COMMON), most=0, namespaced=False),
)
VERBS: Mapping[str, Verb] = {verb.name: verb for verb in _VERBS}
GROUPS = frozenset(name.split()[0] for name in VERBS if " " in name)
"""Verbs that need a second word."""

WRITES = frozenset(
    (
        *("scale", "set", "patch", "delete", "apply", "create", "edit", "replace", "annotate"),
        *("label", "taint", "cordon", "uncordon", "drain", "autoscale", "expose", "run"),
        *("rollout undo", "rollout restart", "rollout pause", "rollout resume"),
        *("certificate", "auth reconcile"),
    )
)
"""Verbs that change something: they become a proposal."""

REFUSED_VERBS: Mapping[str, tuple[str, str]] = {
    "exec": ("it runs a program in a container", "get_logs and describe_resource"),
    "attach": ("it connects to a running program", "get_logs"),
    "cp": ("it copies files", "describe_resource for ConfigMaps, get_logs for output"),
    "port-forward": ("it opens a port", "check_connectivity"),
    "proxy": ("it opens a port", "kubectl get"),
    "debug": ("it starts a container", "describe_resource and get_logs"),
    "wait": ("it waits", "kubectl get"),
    "diff": ("it reads files", "get_changes"),
    "config": ("it shows or changes credentials", "kubectl cluster-info"),
    "plugin": ("plugins are programs of this machine", "kubectl's own read verbs"),
    "kustomize": ("it reads files", "kubectl get"),
    "completion": ("it has no use here", ""),
    "convert": ("it reads files", "kubectl get"),
    "alpha": ("it is not stable", "kubectl's other read verbs"),
    "kuberc": ("it changes preferences", ""),
    "cluster-info dump": ("it reads everything at once", "list_resources and get_logs"),
    "options": ("it has no use here", "kubectl get"),
    "help": ("it has no use here", "kubectl explain"),
}

REFUSED_FLAGS: Mapping[str, str] = {
    **dict.fromkeys(("filename", "f", "kustomize", "k", "recursive", "R"), "it reads files"),
    **dict.fromkeys(("watch", "w", "watch-only", "output-watch-events"), "it never ends"),
    **dict.fromkeys(("follow",), "it never ends"),
    **dict.fromkeys(("raw",), "it can reach any path of the API, Secrets too"),
    **dict.fromkeys(("template",), "templates can read what redaction does not see"),
    **dict.fromkeys(
        ("as", "as-group", "as-uid", "as-user-extra"), "it acts in somebody else's name"
    ),
    **dict.fromkeys(
        (
            *("kubeconfig", "token", "server", "s", "user", "username", "password", "cluster"),
            *("client-certificate", "client-key", "certificate-authority", "proxy-url"),
            *("tls-server-name", "insecure-skip-tls-verify", "kuberc", "cache-dir"),
            "insecure-skip-tls-verify-backend",
        ),
        "the connection is the investigation's own",
    ),
    **dict.fromkeys(
        ("profile", "profile-output", "log-dir", "log-file", "output-directory"), "it writes files"
    ),
    **dict.fromkeys(("v", "vmodule"), "it prints headers of requests"),
    **dict.fromkeys(("dry-run", "force", "grace-period", "server-side"), "it belongs to writes"),
}
