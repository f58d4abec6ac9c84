"""The same, as the reference also offers it."""

from eval.compat.orchestrator import Orchestrator

__all__ = ["Orchestrator"]
