"""What may never be written, whoever approves it."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.model.action import Action, Manual, PatchServicePort, Scale
from copilot.model.errors import PolicyError
from copilot.model.scope import Scope

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True)
class Policy:
    """The team's limits on writes."""

    enabled: bool = True
    protected_namespaces: tuple[str, ...] = ("kube-system", "kube-public", "kube-node-lease")
    max_replicas: int = 20

    def check(self, action: Action, scope: Scope) -> None:
        """Raise `PolicyError` when the action is not allowed in this scope."""
        target = action.object
        if not self.enabled:
            raise PolicyError("writes are switched off", hint="set mitigation.enabled = true")
        if isinstance(action, Manual):
            raise PolicyError(
                f"this one is for a person: {action.instructions}", hint="nothing can be applied"
            )
        if target.namespace in self.protected_namespaces:
            raise PolicyError(f"the namespace {target.namespace!r} is protected from writes")
        if target.namespace not in scope.namespaces:
            raise PolicyError(
                f"{target} is outside the investigation's namespaces",
                hint=f"they are: {', '.join(scope.namespaces)}",
            )
        kinds = ("Service",) if isinstance(action, PatchServicePort) else _WORKLOADS
        if target.kind not in kinds:
            raise PolicyError(f"{action.type} is not allowed on a {target.kind}")
        if isinstance(action, Scale) and not 0 <= action.replicas <= self.max_replicas:
            raise PolicyError(
                f"{action.replicas} replicas are not allowed",
                hint=f"mitigation.max_replicas is {self.max_replicas}",
            )
