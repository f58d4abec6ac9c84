"""How to reach one Kubernetes cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """Which cluster, and how patiently.

    Without a `kubeconfig` the usual places are tried: `$KUBECONFIG`, `~/.kube/config`, and the
    pod's own service account. `context` "" is the kubeconfig's current one. `timeout` bounds one
    request including its body, in seconds; `concurrency` bounds the requests under way at once.
    """

    kubeconfig: Path | None = None
    context: str = ""
    timeout: float = 10.0
    concurrency: int = 8
    user_agent: str = "incident-copilot"
