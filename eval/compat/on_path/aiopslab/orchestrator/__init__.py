"""The orchestrator."""

from eval.compat.orchestrator import Orchestrator

__all__ = ["Orchestrator"]
