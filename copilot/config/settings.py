"""All settings: one TOML file and the environment.

The file is `config.toml` in the platform's configuration folder (`incident-copilot config path`
prints it), or the one that `INCIDENT_COPILOT_CONFIG` names. Any key can be set in the environment:
`INCIDENT_COPILOT_CLUSTER__CONTEXT=prod`. The environment wins.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from copilot.config.sources import (
    AlertmanagerSection,
    ArgoSection,
    ClusterSection,
    ConnectorSection,
    DocumentsSection,
    ElasticsearchSection,
    GitHubSection,
    GitLabSection,
    HelmSection,
    JaegerSection,
    LokiSection,
    PagerDutySection,
    PrometheusSection,
    Section,
    TempoSection,
)
from copilot.model.errors import ConfigError

_APP = "incident-copilot"


class PriceSection(Section):
    """What a model costs, in US dollars per million tokens."""

    input: float = Field(ge=0)
    """Tokens that are sent."""
    output: float = Field(ge=0)
    """Tokens that are written."""
    cached: float | None = Field(default=None, ge=0)
    """Tokens that are sent and read from the endpoint's prompt cache; by default as `input`."""


class ModelSection(Section):
    """The language model. Without a key or a base URL the evidence engine answers alone."""

    name: str = "gpt-5-mini"
    """The model to ask for."""
    base_url: str = ""
    """Any OpenAI-compatible endpoint; by default $OPENAI_BASE_URL, else OpenAI's."""
    api_key: SecretStr = SecretStr("")
    """By default $OPENAI_API_KEY."""
    enabled: bool = True
    """False: never ask a model."""
    max_steps: int = Field(default=12, ge=1)
    """Rounds of tool calls for one answer."""
    max_tokens: int = Field(default=200_000, ge=1000)
    """Tokens, in and out, for one answer."""
    max_seconds: float = Field(default=120.0, gt=0)
    """Seconds for one answer."""
    max_money: float = Field(default=1.0, ge=0)
    """US dollars for one answer, where the price is known."""
    timeout: float = Field(default=45.0, gt=0)
    """Seconds to wait for one answer of the endpoint."""
    context_tokens: int = Field(default=32_000, ge=2000)
    """The model's context window; no request is ever longer."""
    tools: Literal["auto", "native", "text"] = "auto"
    """Whether the endpoint takes tool calls; "text" offers the same tools by a text protocol."""
    parallel_calls: bool | None = None
    """Whether it may call several tools at once; unset, it is not told."""
    strict_schema: bool = False
    """Send the final answer's schema as a strict one."""
    small: bool | None = None
    """Few tools and short schemas, the engine proposes each step; unset, by the context window."""
    samples: int = Field(default=1, ge=1, le=9)
    """Answers to ask for in hard cases; the one that most agree on is given."""
    team: str = ""
    """On whom `incident-copilot usage` books what is spent."""
    prices: dict[str, PriceSection] = Field(default_factory=dict)
    """By model name; they come before the built-in price list."""

    @property
    def usable(self) -> bool:
        """Whether a model can be asked at all."""
        return self.enabled and bool(self.base_url or self.api_key.get_secret_value())


class EmbedderSection(Section):
    """What turns texts into vectors. After a change documents are embedded anew in the background."""

    kind: Literal["bundled", "openai", "fastembed"] = "bundled"
    """The bundled model, an endpoint that speaks OpenAI's `/v1/embeddings`, or a model in a local folder."""
    model: str = ""
    """By default text-embedding-3-small of "openai", BAAI/bge-small-en-v1.5 of "fastembed"."""
    url: str = ""
    """Of "openai": any OpenAI-compatible endpoint; by default OpenAI's."""
    api_key: SecretStr = SecretStr("")
    """Of "openai": by default that of [model], if the endpoint is the same."""
    dimension: int = Field(default=0, ge=0)
    """Of "openai": ask for vectors of so many numbers; 0: as the model gives them."""
    timeout: float = Field(default=30.0, gt=0)
    """Of "openai": seconds for one request."""
    folder: Path | None = None
    """Of "fastembed": where the model's files are; nothing is downloaded."""

    @model_validator(mode="after")
    def _complete(self) -> EmbedderSection:
        if self.kind == "fastembed" and self.folder is None:
            raise ValueError("fastembed needs the folder of a model: set knowledge.embedder.folder")
        return self


class KnowledgeSection(Section):
    """Runbooks and past incidents."""

    builtin: bool = True
    """Search the runbooks that come with the copilot, labelled `built-in`."""
    learn: bool = True
    """Keep log templates and the call graph of what was investigated as documents, never raw lines."""
    embedder: EmbedderSection = EmbedderSection()
    chroma_url: str = ""
    """A Chroma server; by default Chroma is embedded."""
    chroma_token: SecretStr = SecretStr("")
    """Bearer token of a proxy in front of it."""


class MitigationSection(Section):
    """Writes to the cluster."""

    enabled: bool = True
    """False: never write, propose only."""
    protected_namespaces: tuple[str, ...] = ("kube-system", "kube-public", "kube-node-lease")
    """Never write there."""
    max_replicas: int = Field(default=20, ge=1)
    """Never scale above this."""
    verify_seconds: float = Field(default=240.0, gt=0)
    """How long a fix may take to make the symptom go away before it is undone."""


class SlackSection(Section):
    """The Slack app: Socket Mode with an app token, HTTP with a signing secret."""

    bot_token: SecretStr = SecretStr("")
    """xoxb-… of the installed app."""
    app_token: SecretStr = SecretStr("")
    """xapp-…: connect through Socket Mode, no public URL needed."""
    signing_secret: SecretStr = SecretStr("")
    """Verifies Slack's HTTP requests."""
    port: int = Field(default=3000, ge=0, le=65535)
    """Port for Slack's HTTP requests."""
    base_url: str = ""
    """Another Slack-compatible API, for tests."""
    approvers: tuple[str, ...] = ()
    """Slack user ids that may approve writes; empty: everyone in the channel."""


class McpSection(Section):
    """The tools as an MCP server."""

    token: SecretStr = SecretStr("")
    """Bearer token that clients of the HTTP transport must send; without one it is not served."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8765, ge=0, le=65535)
    """Port to listen on."""


class ToolsetSection(Section):
    """Tools of your own: one of `command`, `url` and `functions`."""

    command: tuple[str, ...] = ()
    """Program and arguments of an MCP server that speaks on its standard input and output."""
    url: str = ""
    """Address of an MCP server that speaks Streamable HTTP."""
    functions: tuple[str, ...] = ()
    """Python functions, each "package.module:function"."""
    allow: tuple[str, ...] = ()
    """Names of the tools that may be used, "*" for any run of characters; none are by default."""
    token: SecretStr = SecretStr("")
    """Bearer token for `url`."""
    environment: dict[str, SecretStr] = Field(default_factory=dict)
    """Environment variables for `command`, which otherwise gets hardly any."""

    @model_validator(mode="after")
    def _one_kind(self) -> ToolsetSection:
        if sum(map(bool, (self.command, self.url, self.functions))) != 1:
            raise ValueError("set one of command, url and functions")
        return self


class RedactionSection(Section):
    """What is masked before anything leaves."""

    allow: tuple[str, ...] = ()
    """Regular expressions of values that are no secrets: a value that one matches whole is shown."""

    @field_validator("allow")
    @classmethod
    def _expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for expression in value:
            try:
                re.compile(expression)
            except re.error as error:
                raise ValueError(f"{expression!r} is not a regular expression: {error}") from None
        return value


class StateSection(Section):
    """Where sessions and knowledge are kept."""

    folder: Path = user_data_path(_APP)
    """Folder for the database and the indexes."""
    url: str = ""
    """Database URL; by default an SQLite file in the folder."""
    remember_days: int = Field(default=30, ge=0)
    """Keep versions of the cluster's objects so long, to compare with and to restore; 0 keeps none."""
    look_minutes: float = Field(default=15, ge=0)
    """The Slack bot looks at the cluster this often by itself, to know how it is when all is well; 0: never."""

    @property
    def database_url(self) -> str:
        """The database's URL."""
        return self.url or f"sqlite:///{self.folder / 'copilot.db'}"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="INCIDENT_COPILOT_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    cluster: ClusterSection = ClusterSection()
    prometheus: PrometheusSection = PrometheusSection()
    loki: LokiSection = LokiSection()
    elasticsearch: ElasticsearchSection = ElasticsearchSection()
    jaeger: JaegerSection = JaegerSection()
    tempo: TempoSection = TempoSection()
    alertmanager: AlertmanagerSection = AlertmanagerSection()
    pagerduty: PagerDutySection = PagerDutySection()
    helm: HelmSection = HelmSection()
    argocd: ArgoSection = ArgoSection()
    github: GitHubSection = GitHubSection()
    gitlab: GitLabSection = GitLabSection()
    documents: dict[str, DocumentsSection] = {}
    connectors: dict[str, ConnectorSection] = {}
    model: ModelSection = ModelSection()
    knowledge: KnowledgeSection = KnowledgeSection()
    mitigation: MitigationSection = MitigationSection()
    slack: SlackSection = SlackSection()
    mcp: McpSection = McpSection()
    toolsets: dict[str, ToolsetSection] = {}
    redaction: RedactionSection = RedactionSection()
    state: StateSection = StateSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then what the file says."""
        return env_settings, init_settings


def config_path() -> Path:
    """Return the path of the settings file, whether or not it exists."""
    return Path(os.environ.get("INCIDENT_COPILOT_CONFIG") or user_config_path(_APP) / "config.toml")


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings. Raises `ConfigError` naming the file and the key."""
    explicit = path is not None or "INCIDENT_COPILOT_CONFIG" in os.environ
    path = path or config_path()
    data: dict[str, Any] = {}
    if path.exists() or explicit:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"the settings file cannot be read: {path}: {error}", hint="correct the file"
            ) from error
    model = (
        dict(data.get("model") or {}) if isinstance(data.get("model", {}), dict) else data["model"]
    )
    if isinstance(model, dict):
        # OpenAI's own variables count less than ours and more than nothing.
        for key, variable in (("api_key", "OPENAI_API_KEY"), ("base_url", "OPENAI_BASE_URL")):
            if os.environ.get(variable):
                model.setdefault(key, os.environ[variable])
        data = {**data, "model": model}
    try:
        return Settings(**data)
    except ValidationError as error:
        raise _explain(error, path, data) from error


def _explain(error: ValidationError, path: Path, data: dict[str, Any]) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    top = str(first["loc"][0]) if first["loc"] else ""
    where = str(path) if top in data else "the environment (INCIDENT_COPILOT_…)"
    hint = "see docs/configuration.md"
    if first["type"] == "extra_forbidden":
        section = Settings.model_fields.get(top)
        names = list(Settings.model_fields)
        if section is not None and len(first["loc"]) > 1:
            names = list(getattr(section.annotation, "model_fields", {}))
        near = difflib.get_close_matches(str(first["loc"][-1]), names, n=1)
        return ConfigError(
            f"{where}: unknown setting {key!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names)}",
        )
    return ConfigError(f"{where}: {key}: {first['msg']}", hint=hint)
