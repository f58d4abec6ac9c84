"""Deployments of GitHub repositories as changes."""

from connectors.github.settings import GitHubSettings
from connectors.github.source import GitHubDeployments

__all__ = ["GitHubDeployments", "GitHubSettings"]
