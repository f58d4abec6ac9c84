"""The settings of every source: the cluster, its telemetry, what changes it, what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ClusterSection(Section):
    """The Kubernetes cluster."""

    kubeconfig: Path | None = None
    """Path of a kubeconfig; by default $KUBECONFIG, ~/.kube/config, or the pod's own account."""
    context: str = ""
    """Context of the kubeconfig; by default its current one."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to look at when none is asked for; by default the context's own."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""
    user: str = ""
    """The asking user's name in Kubernetes, for `rights`."""
    groups: tuple[str, ...] = ()
    """The asking user's groups in Kubernetes."""
    rights: Literal["own", "review", "impersonate"] = "own"
    """Whose rights count: our own; the user's too, asked by SubjectAccessReview; the user's, by impersonation."""

    @model_validator(mode="after")
    def _somebody(self) -> ClusterSection:
        if self.rights != "own" and not self.user:
            raise ValueError(f'rights = "{self.rights}" needs the user whose rights count')
        return self


class PrometheusSection(Section):
    """The metrics store."""

    url: str = ""
    """Base URL of anything that speaks Prometheus' query API; empty: none."""
    token: SecretStr = SecretStr("")
    """Bearer token."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""


class HttpSection(Section):
    """A store that is reached by HTTP; an empty URL means that there is none."""

    url: str = ""
    """Base URL."""
    token: SecretStr = SecretStr("")
    """Bearer token."""
    username: str = ""
    """User name, instead of a token."""
    password: SecretStr = SecretStr("")
    """Its password."""
    ca_file: Path | None = None
    """Certificates to trust, in PEM."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""


class LokiSection(HttpSection):
    """Logs from Loki."""

    tenant: str = ""
    """Sent as X-Scope-OrgID."""


class ElasticsearchSection(HttpSection):
    """Logs from Elasticsearch or OpenSearch, where there is no Loki."""

    index: str = "logs-*,filebeat-*,logstash-*"
    """Names or patterns of indexes, with commas between them."""
    api_key: SecretStr = SecretStr("")
    """Elasticsearch's own, instead of other credentials."""
    fields: Literal["ecs", "fluent"] = "ecs"
    """How log documents look: as Filebeat, or as Fluent Bit writes them."""


class JaegerSection(HttpSection):
    """Traces from Jaeger; the URL has the path under which its user interface is."""


class TempoSection(HttpSection):
    """Traces from Tempo, where there is no Jaeger."""

    tenant: str = ""
    """Sent as X-Scope-OrgID."""


class AlertmanagerSection(HttpSection):
    """Alerts from Alertmanager."""

    matchers: tuple[str, ...] = ()
    """Only these alerts: namespace="shop"."""


class PagerDutySection(Section):
    """Alerts from PagerDuty."""

    token: SecretStr = SecretStr("")
    """REST API key; one that may only read is enough."""
    url: str = "https://api.pagerduty.com"
    """Another region's API."""
    services: tuple[str, ...] = ()
    """Ids of the services to look at; by default all."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""


class HelmSection(Section):
    """Helm's releases as changes; its Secrets are read only when this is switched on."""

    enabled: bool = False
    """True: read the Secrets in which Helm keeps its releases."""
    kubeconfig: Path | None = None
    """Path of the kubeconfig with a credential of its own, which may list Secrets."""
    context: str = ""
    """Its context."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""

    @model_validator(mode="after")
    def _own_credential(self) -> HelmSection:
        if self.enabled and self.kubeconfig is None and not self.context:
            raise ValueError("helm needs a credential of its own: set kubeconfig, or context")
        return self


class ArgoSection(HttpSection):
    """Argo CD's applications as changes: by its URL, or as objects of the cluster."""

    enabled: bool = False
    """True: read its Application objects from the cluster; a URL switches it on, too."""
    namespace: str = "argocd"
    """Where the Application objects are; empty: in all namespaces."""


class GitHubSection(Section):
    """Deployments of GitHub repositories as changes."""

    repositories: tuple[str, ...] = ()
    """Each "owner/name"; empty: none."""
    environment: str = ""
    """Only deployments to this environment."""
    token: SecretStr = SecretStr("")
    """One that may read deployments."""
    url: str = "https://api.github.com"
    """A GitHub Enterprise Server has its API under /api/v3."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""


class GitLabSection(Section):
    """Deployments of GitLab projects as changes."""

    projects: tuple[str, ...] = ()
    """Each "group/name"; empty: none."""
    environment: str = ""
    """Only deployments to this environment."""
    token: SecretStr = SecretStr("")
    """One with the scope read_api."""
    url: str = "https://gitlab.com"
    """Another GitLab."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for one answer."""


class DocumentsSection(HttpSection):
    """A source of runbooks or past incidents, which `index sync` brings into the index."""

    source: Literal["folder", "git", "confluence", "jira", "pagerduty"]
    """What it is. PagerDuty's address and key are those of [pagerduty]."""
    kind: Literal["runbook", "incident"] = "runbook"
    """What documents are that do not say it themselves."""
    folder: Path | None = None
    """For a folder: its path."""
    branch: str = ""
    """For git: a branch or tag; by default the repository's own branch."""
    subfolder: str = ""
    """For git: only this folder of the repository."""
    spaces: tuple[str, ...] = ()
    """For Confluence: keys of spaces."""
    label: str = ""
    """For Confluence: only pages with this label."""
    query: str = ""
    """For Jira: the JQL that finds incidents; by default the Incidents that are done."""
    days: int = Field(default=180, ge=1, le=180)
    """For PagerDuty: how far back."""

    @model_validator(mode="after")
    def _complete(self) -> DocumentsSection:
        needed = {"folder": self.folder, "pagerduty": True}.get(self.source, self.url)
        if not needed:
            key = "folder" if self.source == "folder" else "url"
            raise ValueError(f"a source of documents from {self.source} needs {key}")
        return self


class ConnectorSection(Section):
    """A connector of your own, or of another package."""

    use: str
    """Name of its entry point in the group "incident_copilot.connectors"."""
    options: dict[str, Any] = {}
    """What it is given, as it documents."""
    secrets: dict[str, SecretStr] = {}
    """Given to it with the options, and never printed."""
