"""The registry of problems."""

from eval.compat.registry import ProblemRegistry

__all__ = ["ProblemRegistry"]
