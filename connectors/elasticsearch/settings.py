"""How to reach an Elasticsearch or OpenSearch, and how log documents look there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from connectors.api.http import HttpSettings


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a log document, with dots between levels.

    `exact` is what the pod's field is called where it can be counted: text fields cannot.
    """

    time: str
    text: str
    namespace: str
    pod: str
    container: str
    service: str
    node: str
    exact: str = ""


ECS = Fields(
    time="@timestamp",
    text="message",
    namespace="kubernetes.namespace",
    pod="kubernetes.pod.name",
    container="kubernetes.container.name",
    service="kubernetes.labels.app",
    node="kubernetes.node.name",
)
"""As Filebeat and Elastic Agent write them."""

FLUENT = Fields(
    time="@timestamp",
    text="log",
    namespace="kubernetes.namespace_name",
    pod="kubernetes.pod_name",
    container="kubernetes.container_name",
    service="kubernetes.labels.app",
    node="kubernetes.host",
    exact=".keyword",
)
"""As Fluent Bit and Fluentd write them, with Elasticsearch's dynamic mapping."""


@dataclass(frozen=True, slots=True)
class ElasticsearchSettings(HttpSettings):
    """Address, credentials and limits of one cluster.

    `index` may be a pattern or several with commas. `api_key` is Elasticsearch's own (encoded) and
    excludes other credentials. `max_lines` is the index' `max_result_window`.
    """

    product: ClassVar[str] = "Elasticsearch"

    index: str = "logs-*,filebeat-*,logstash-*"
    api_key: str = field(default="", repr=False)
    fields: Fields = ECS
    max_lines: int = 10_000

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.api_key and (self.token or self.token_file or self.username):
            raise ValueError("give Elasticsearch either an API key or other credentials, not both")
        if not self.index or any(char in self.index for char in " /?#"):
            raise ValueError(
                f"the Elasticsearch index {self.index!r} is none: write names or patterns, "
                "with commas between them"
            )
        if self.max_lines < 1:
            raise ValueError("Elasticsearch's max_lines must be at least 1")
