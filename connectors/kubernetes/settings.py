"""How to reach one Kubernetes cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """Which cluster, and how patiently.

    Without a `kubeconfig` the usual places are tried: `$KUBECONFIG`, `~/.kube/config`, and the
    pod's own service account. `context` "" is the kubeconfig's current one. `timeout` bounds one
    request including its body, in seconds; `concurrency` bounds the requests under way at once.

    With a `user`, that user's rights count too. `rights` "review": the API server is asked before each
    request whether the user may do it (SubjectAccessReview), and the request is made with our own
    credential, which needs the right to create such reviews. "impersonate": requests are made in the
    user's name, and our credential needs the right to `impersonate` the user and the groups.
    """

    kubeconfig: Path | None = None
    context: str = ""
    timeout: float = 10.0
    concurrency: int = 8
    user_agent: str = "incident-copilot"
    user: str = ""
    groups: tuple[str, ...] = ()
    rights: Literal["own", "review", "impersonate"] = "own"
