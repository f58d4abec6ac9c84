"""What stands in a bundle, line by line. `python -m eval.recording.schema` prints the JSON Schema."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FORMAT: Literal["incident-copilot-bundle"] = "incident-copilot-bundle"
VERSION: Literal[1] = 1

Sample = tuple[int, float | Literal["NaN", "+Inf", "-Inf", "stale"]]
"""Unix milliseconds and a value; "stale" ends a series, as when its target goes away."""

Timed = tuple[AwareDatetime, str]
"""A moment and a line of a log."""


class _Part(BaseModel):
    # Fields that a later writer adds are ignored.
    model_config = ConfigDict(extra="ignore", frozen=True)


class WindowPart(_Part):
    """The period of the incident, [start, end], after a baseline [baseline_start, start)."""

    baseline_start: AwareDatetime
    start: AwareDatetime
    end: AwareDatetime


class KindPart(_Part):
    """One kind that the API server served. `why` says why its objects are not recorded."""

    kind: str = Field(min_length=1)
    group: str = ""
    version: str = Field(min_length=1)
    plural: str = Field(min_length=1)
    namespaced: bool
    recorded: bool
    why: str = ""


class ClusterPart(_Part):
    """The cluster: its name, what /version answered, what it served."""

    name: str = ""
    version: dict[str, Any] = Field(default_factory=dict)
    kinds: list[KindPart]


class MetricsPart(_Part):
    """Samples in [start, end]. `absent` names metrics that were looked for and did not exist;
    `left_out` gives the reason for each metric that exists and is not in the bundle."""

    start: AwareDatetime
    end: AwareDatetime
    absent: list[str] = Field(default_factory=list)
    left_out: dict[str, str] = Field(default_factory=dict)


class LogStorePart(_Part):
    """All lines that the log store had of the namespaces in [start, end)."""

    start: AwareDatetime
    end: AwareDatetime


class TracesPart(_Part):
    """Up to `limit` traces of each service, of those that failed and of all, in [start, end]."""

    start: AwareDatetime
    end: AwareDatetime
    services: list[str]
    limit: int = Field(ge=1)


class ManifestPart(_Part):
    """manifest.json. A source whose part is null was not connected when the bundle was made."""

    format: Literal["incident-copilot-bundle"]
    version: Literal[1]
    recorded_at: AwareDatetime
    window: WindowPart
    title: str = ""
    namespaces: list[str]
    redacted: bool
    cluster: ClusterPart
    metrics: MetricsPart | None = None
    log_store: LogStorePart | None = None
    traces: TracesPart | None = None
    alerts: bool = False
    notes: list[str] = Field(default_factory=list)


class MetaPart(_Part):
    """What every object's metadata has."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(min_length=1)
    namespace: str = ""


class ObjectLine(_Part):
    """objects.jsonl: an object as the API server gave it, redacted. Events are objects, too."""

    model_config = ConfigDict(extra="allow", frozen=True)
    apiVersion: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    metadata: MetaPart


class PodLogLine(_Part):
    """pod_logs.jsonl: the newest lines of one run of one container.

    `complete`: there were no older ones. `refused` is the API server's own text where it gave none.
    """

    namespace: str
    pod: str
    container: str
    previous: bool = False
    complete: bool = True
    refused: str = ""
    lines: list[Timed]


class SeriesLine(_Part):
    """metrics.jsonl: one series, `__name__` among its labels, samples in the order of time."""

    labels: dict[str, str]
    samples: list[Sample]


class StreamLine(_Part):
    """log_store.jsonl: one stream of the log store, lines in the order of time."""

    labels: dict[str, str]
    lines: list[Timed]


class SpanPart(_Part):
    """One span, as `connectors.api.values.Span` has it."""

    id: str
    parent: str = ""
    service: str
    operation: str
    start: AwareDatetime
    duration_ms: float = Field(ge=0)
    error: bool = False
    kind: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    process: dict[str, str] = Field(default_factory=dict)


class TraceLine(_Part):
    """traces.jsonl: one trace."""

    id: Annotated[str, Field(pattern="^[0-9a-fA-F]{1,32}$")]
    spans: Annotated[list[SpanPart], Field(min_length=1)]


class AlertLine(_Part):
    """alerts.jsonl: one alert that was open at the end of the window."""

    name: str
    state: Literal["firing", "pending", "suppressed", "acknowledged", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    since: AwareDatetime
    fingerprint: str = ""
    url: str = ""


class BoundFault(_Part):
    """A fault by its kind (docs/faults.md), on a service of the app."""

    kind: str = Field(min_length=1)
    target: str = Field(min_length=1)


class BoundPart(_Part):
    """The same incident in the emulator: an app, by name or path, and how it is broken for how long."""

    app: str = Field(min_length=1)
    faults: list[BoundFault] = Field(min_length=1)
    seed: int = 0
    settle_seconds: float = Field(default=240.0, ge=0)


class TruthPart(_Part):
    """truth.json: what was right. Any of `objects`, of `causes` and of `actions` is enough.

    `objects` are "Kind/namespace/name"; `causes` ids of docs/causes.md; `actions` "verb
    Kind/namespace/name" with the verbs of the product's actions, or just the object. `bound` names the
    same incident in the emulator, where a proposed repair can be tried.
    """

    faulty: bool
    objects: list[str] = Field(default_factory=list)
    causes: list[str] = Field(default_factory=list)
    actions: list[str] = Field(default_factory=list)
    bound: BoundPart | None = None


LINES: dict[str, type[BaseModel]] = {
    "objects.jsonl": ObjectLine,
    "pod_logs.jsonl": PodLogLine,
    "metrics.jsonl": SeriesLine,
    "log_store.jsonl": StreamLine,
    "traces.jsonl": TraceLine,
    "alerts.jsonl": AlertLine,
}
"""The files of lines; any of them may be missing, and is then empty."""

MANIFEST, TRUTH = "manifest.json", "truth.json"


def moment(at: datetime) -> str:
    """Write a time as bundles do."""
    return at.isoformat().replace("+00:00", "Z")


def document() -> dict[str, Any]:
    """Return one JSON Schema: each file of a bundle under its own name in `$defs`."""
    from pydantic.json_schema import models_json_schema

    files: dict[str, type[BaseModel]] = {MANIFEST: ManifestPart, **LINES, TRUTH: TruthPart}
    found, shared = models_json_schema([(model, "validation") for model in files.values()])
    defs = dict(shared["$defs"])
    for name, model in files.items():
        defs[name] = found[model, "validation"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT} {VERSION}",
        "description": "A zip file. *.jsonl: $defs of that name describes each line; *.json: the file.",
        "$defs": defs,
    }


if __name__ == "__main__":
    print(json.dumps(document(), indent=2, sort_keys=True))
