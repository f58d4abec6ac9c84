"""Finds the cluster and its credentials: kubeconfig files, exec plug-ins, a pod's service account."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.api.errors import SourceForbidden, SourceMissing, SourceUnreachable
from connectors.kubernetes.settings import KubernetesSettings

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_LOADER = "kubernetes.aio.config.kube_config"


async def load(settings: KubernetesSettings, configuration: Any) -> tuple[str, str]:
    """Fill the client's `configuration`; return the names of context and namespace.

    Raises `SourceUnreachable` when no cluster is configured, `SourceMissing` for an unknown
    context, `SourceForbidden` when a login plug-in gives no credentials.
    """
    paths = kubeconfig_paths(settings)
    if paths:
        return await _load_kubeconfig(paths, settings.context, configuration)
    if settings.context:
        raise SourceUnreachable(
            f'no kubeconfig to find the context "{settings.context}" in:'
            " set kubernetes.kubeconfig or $KUBECONFIG"
        )
    return await _load_service_account(configuration)


def kubeconfig_paths(settings: KubernetesSettings) -> str:
    """Return the kubeconfig path or paths to read, "" for none."""
    if settings.kubeconfig is not None:
        path = settings.kubeconfig.expanduser()
        if not path.is_file():
            raise SourceUnreachable(f"the kubeconfig {path} does not exist: correct its path")
        return str(path)
    named = os.environ.get("KUBECONFIG", "")
    if named:
        existing = [part for part in named.split(os.pathsep) if part and Path(part).is_file()]
        if not existing:
            raise SourceUnreachable(f"$KUBECONFIG names {named}, which does not exist")
        return os.pathsep.join(existing)
    usual = Path("~/.kube/config").expanduser()
    return str(usual) if usual.is_file() else ""


async def _load_kubeconfig(paths: str, context: str, configuration: Any) -> tuple[str, str]:
    import yaml

    config = _untyped_config()
    try:
        contexts, current = _contexts(paths)
    except (yaml.YAMLError, OSError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise SourceUnreachable(f"the kubeconfig {paths} is not usable: {_line(error)}") from error
    wanted = context or current
    if not wanted:
        raise SourceMissing(
            f"the kubeconfig {paths} has no current context: name one of {_names(contexts)}"
        )
    entry = _context(contexts, wanted)
    if entry is None:
        raise SourceMissing(
            f'the kubeconfig {paths} has no context "{wanted}"; it has: {_names(contexts)}'
        )
    complaints = _Complaints()
    try:
        with complaints:
            loader = await config.load_kube_config(
                config_file=paths,
                context=wanted,
                client_configuration=configuration,
                persist_config=False,
            )
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise SourceUnreachable(
            f'the login of context "{wanted}" in {paths} cannot be loaded: {_line(error)}'
        ) from error
    # The client logs a failing plug-in and goes on as an anonymous user.
    credentials = (getattr(loader, name, None) for name in ("token", "cert_file"))
    if complaints.texts and not any(credentials):
        raise SourceForbidden(
            f'the login of context "{wanted}" in {paths} failed: {complaints.texts[0]}'
            " (run the kubeconfig's login plug-in by hand)"
        )
    return wanted, str((entry.get("context") or {}).get("namespace") or "default")


async def _load_service_account(configuration: Any) -> tuple[str, str]:
    config = _untyped_config()
    try:
        await asyncio.to_thread(config.load_incluster_config, configuration)
    except config.ConfigException as error:
        raise SourceUnreachable(
            "no Kubernetes cluster is configured: neither $KUBECONFIG nor ~/.kube/config exists,"
            " and this is not a pod; set kubernetes.kubeconfig"
        ) from error
    namespace = _SERVICE_ACCOUNT.with_name("namespace")
    name = namespace.read_text().strip() if namespace.is_file() else "default"
    return "in-cluster", name


def _contexts(paths: str) -> tuple[list[dict[str, Any]], str]:
    """Return the contexts of the merged files and the name of the current one.

    The client's own reader refuses a file without a current context, even when one is named.
    """
    import yaml

    contexts: dict[str, dict[str, Any]] = {}
    current = ""
    for path in paths.split(os.pathsep):
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError(f"{path} is not a kubeconfig")
        for item in document.get("contexts") or []:
            contexts.setdefault(str(item["name"]), item)
        current = current or str(document.get("current-context") or "")
    return list(contexts.values()), current


def _names(contexts: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(sorted(str(item["name"]) for item in contexts)) or "none"


def _untyped_config() -> Any:
    from kubernetes.aio import config

    return config


def _context(contexts: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    return next((item for item in contexts if item.get("name") == name), None)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class _Complaints(logging.Handler):
    """Collects what the client's configuration loader logs as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(" ".join(record.getMessage().split()))

    def __enter__(self) -> None:
        logging.getLogger(_LOADER).addHandler(self)

    def __exit__(self, *exception: object) -> None:
        logging.getLogger(_LOADER).removeHandler(self)
