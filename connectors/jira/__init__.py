"""Past incidents from Jira."""

from connectors.jira.settings import JiraSettings
from connectors.jira.source import JiraIncidents

__all__ = ["JiraIncidents", "JiraSettings"]
