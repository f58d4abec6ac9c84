"""Folders."""

from eval.compat.session import BASE_DIR, RESULTS_DIR

__all__ = ["BASE_DIR", "RESULTS_DIR"]
