"""The configuration."""

from eval.compat.config import Config

__all__ = ["Config"]
