"""What each endpoint of the emulated Prometheus answers, apart from HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from eval.environments.emulator.telemetry.alerting import Alerting
from eval.environments.emulator.telemetry.alerting.json import (
    alert_json,
    group_json,
    moment_json,
)
from eval.environments.emulator.telemetry.prometheus_params import Params
from eval.environments.emulator.telemetry.promql import (
    Answer,
    BadQuery,
    Dialect,
    Engine,
)
from eval.environments.emulator.telemetry.promql.formats import api_value
from eval.environments.emulator.telemetry.promql.labels import valid_label
from eval.environments.emulator.telemetry.promql.values import without_name
from eval.environments.emulator.telemetry.series import (
    NAME,
    SeriesStore,
    StoredSeries,
    to_ms,
)

Json = dict[str, Any]

VERSIONS = {Dialect.V2: "2.42.0", Dialect.V3: "3.5.0"}
"""What the emulated server says it is, by the semantics that it follows."""


class Handlers:
    """Each turns parameters into the `data` of an answer. They raise `PromQLError`."""

    def __init__(
        self,
        store: SeriesStore,
        now: Callable[[], float],
        dialect: Dialect,
        alerting: Alerting | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._dialect = dialect
        self._alerting = alerting
        self._engine = Engine(store, dialect=dialect)

    def query(self, params: Params) -> Json:
        """Evaluate at one instant."""
        self._catch_up(params.text("query"))
        return _result(self._engine.instant(params.text("query"), params.time("time", self._now())))

    def query_range(self, params: Params) -> Json:
        """Evaluate over a period."""
        self._catch_up(params.text("query"))
        start, end = params.time("start"), params.time("end")
        return _result(
            self._engine.range(params.text("query"), start, end, params.duration("step"))
        )

    def series(self, params: Params) -> list[dict[str, str]]:
        """Return the labels of the selected series."""
        if not params.selectors():
            raise BadQuery("no match[] parameter provided")
        return [dict(series.mapping) for series in self._matching(params)]

    def labels(self, params: Params) -> list[str]:
        """Return the names of labels."""
        return sorted({name for series in self._matching(params) for name in series.mapping})

    def label_values(self, name: str, params: Params) -> list[str]:
        """Return the values of one label."""
        if not valid_label(name):
            raise BadQuery(f'invalid label name: "{name}"')
        found = {series.mapping.get(name, "") for series in self._matching(params)}
        return sorted(found - {""})

    def metadata(self, params: Params) -> Json:
        """Return type, help and unit by metric."""
        wanted, limit = params.text("metric"), params.count("limit")
        rows = [
            (name, [{"type": about.type, "help": about.help, "unit": about.unit}])
            for name, about in self._store.metadata().items()
            if wanted in ("", name)
        ]
        return dict(rows[:limit])

    def buildinfo(self, params: Params) -> Json:
        """Return the version."""
        return {
            "version": VERSIONS[self._dialect],
            "revision": "emulated",
            "branch": "HEAD",
            "buildUser": "emulator",
            "buildDate": "20250101-00:00:00",
            "goVersion": "go1.24",
        }

    def tsdb(self, params: Params) -> Json:
        """Return the number of series."""
        return {"headStats": {"numSeries": len(self._store), "chunkCount": len(self._store)}}

    def targets(self, params: Params) -> Json:
        """Return the scraped targets, known by their `up` series."""
        if params.text("state") == "dropped":
            return {"activeTargets": [], "droppedTargets": []}
        answer = self._engine.instant("timestamp(up)", self._now())
        scraped = {labels: points[0][1] for labels, points in answer.series}
        active = []
        for labels, points in self._engine.instant("up", self._now()).series:
            shown = {name: value for name, value in labels if name != NAME}
            at = scraped[without_name(labels)]
            active.append(_target(shown, points[0][1], at))
        return {"activeTargets": active, "droppedTargets": []}

    def rules(self, params: Params) -> Json:
        """Return the rules with their alerts."""
        kind = params.text("type")
        if kind not in ("", "alert", "record"):
            raise BadQuery(f'invalid parameter "type": not supported value "{kind}"')
        if self._alerting is None or kind == "record":
            return {"groups": []}
        self._alerting.catch_up()
        wanted = set(params.values.get("rule_name[]", ()))
        at = self._alerting.evaluated
        groups = [group_json(group, states, at, wanted) for group, states in self._alerting.groups]
        return {"groups": [group for group in groups if group["rules"]]}

    def alerts(self, params: Params) -> Json:
        """Return the pending and firing alerts."""
        if self._alerting is None:
            return {"alerts": []}
        self._alerting.catch_up()
        found = [alert for state in self._alerting.rules for alert in state.alerts]
        return {"alerts": [alert_json(alert) for alert in found]}

    def alertmanagers(self, params: Params) -> Json:
        """Return the Alertmanagers that are told of alerts."""
        return {"activeAlertmanagers": [], "droppedAlertmanagers": []}

    def _catch_up(self, text: str = "alert") -> None:
        """Evaluate the rules that are due before somebody reads what may be their series."""
        if self._alerting is not None and "alert" in text.lower():
            self._alerting.catch_up()

    def _matching(self, params: Params) -> list[StoredSeries]:
        """Return the series that any of `match[]` selects, all without one, in [start, end]."""
        self._catch_up()
        start = to_ms(params.time("start", -1e12))
        end = to_ms(params.time("end", 1e12))
        if end < start:
            raise BadQuery('invalid parameter "end": end timestamp must not be before start time')
        found: dict[int, StoredSeries] = {}
        for matchers in params.selectors() or [[]]:
            try:
                chosen = self._store.select(matchers, start, end)
            except ValueError as error:
                raise BadQuery(f'invalid parameter "match[]": {error}') from error
            found.update({id(series): series for series in chosen})
        return sorted(found.values(), key=lambda series: series.labels)


def _target(labels: dict[str, str], up: float, at: float) -> Json:
    job, address = labels.get("job", ""), labels.get("instance", "")
    path = labels.get("metrics_path", "/metrics")
    url = f"http://{address}{path}"
    return {
        "discoveredLabels": {
            "__address__": address,
            "__metrics_path__": path,
            "__scheme__": "http",
            "__scrape_interval__": "15s",
            "__scrape_timeout__": "10s",
            "job": job,
        },
        "labels": labels,
        "scrapePool": job,
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": "" if up else f'Get "{url}": dial tcp {address}: connect: connection refused',
        "lastScrape": moment_json(at),
        "lastScrapeDuration": 0.004,
        "health": "up" if up else "down",
        "scrapeInterval": "15s",
        "scrapeTimeout": "10s",
    }


def _result(answer: Answer) -> Json:
    """Write a query's result as the API does: values are strings."""
    rows: list[Any]
    if answer.type in ("scalar", "string"):
        ms, value = answer.series[0][1][0]
        rows = [ms / 1000, answer.text if answer.type == "string" else api_value(value)]
    elif answer.type == "vector":
        rows = [
            {"metric": dict(labels), "value": _points(points)[0]}
            for labels, points in answer.series
        ]
    else:
        rows = [
            {"metric": dict(labels), "values": _points(points)} for labels, points in answer.series
        ]
    return {"resultType": answer.type, "result": rows}


def _points(points: Iterable[tuple[int, float]]) -> list[list[float | str]]:
    return [[ms / 1000 if ms % 1000 else ms // 1000, api_value(value)] for ms, value in points]
