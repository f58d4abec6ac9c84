"""Logs from Elasticsearch or OpenSearch."""

from connectors.elasticsearch.settings import ECS, FLUENT, ElasticsearchSettings, Fields
from connectors.elasticsearch.source import ElasticsearchLogs

__all__ = ["ECS", "FLUENT", "ElasticsearchLogs", "ElasticsearchSettings", "Fields"]
