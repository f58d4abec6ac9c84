"""Argo CD's applications as changes: from the cluster's own objects, or from Argo CD's API."""

from connectors.argocd.settings import ArgoSettings
from connectors.argocd.source import ArgoApi, ArgoObjects

__all__ = ["ArgoApi", "ArgoObjects", "ArgoSettings"]
