"""A kubeconfig of the twin's own: the given one, with its context chosen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from connectors.api.errors import SourceMissing, SourceUnreachable
from connectors.kubernetes.settings import KubernetesSettings

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def own_kubeconfig(given: KubernetesSettings, target: Path) -> None:
    """Write a copy of the given kubeconfig that works from anywhere.

    Raises `SourceUnreachable` when there is none, `SourceMissing` for an unknown context.
    """
    import yaml

    path = given.kubeconfig or Path(os.environ.get("KUBECONFIG", "~/.kube/config"))
    path = path.expanduser().absolute()
    if not path.is_file():
        raise SourceUnreachable(f"the kubeconfig {path} does not exist: give --kubeconfig")
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    contexts = [str(item["name"]) for item in document.get("contexts") or ()]
    chosen = given.context or str(document.get("current-context") or "")
    if chosen not in contexts:
        raise SourceMissing(
            f'the kubeconfig {path} has no context "{chosen}"; it has: {", ".join(contexts)}'
        )
    document["current-context"] = chosen
    for section, key in (("clusters", "cluster"), ("users", "user")):
        for item in document.get(section) or ():
            for name in _FILES:
                if name in item[key]:
                    item[key][name] = str(path.parent / item[key][name])
    target.touch(0o600)
    target.write_text(yaml.safe_dump(document), "utf-8")
