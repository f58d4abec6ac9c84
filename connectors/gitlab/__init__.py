"""Deployments of GitLab projects as changes."""

from connectors.gitlab.settings import GitLabSettings
from connectors.gitlab.source import GitLabDeployments

__all__ = ["GitLabDeployments", "GitLabSettings"]
