"""What each endpoint of the emulated Prometheus answers, apart from HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from eval.environments.emulator.telemetry.prometheus_params import Params
from eval.environments.emulator.telemetry.promql import (
    Answer,
    BadQuery,
    Dialect,
    Engine,
)
from eval.environments.emulator.telemetry.promql.formats import api_value
from eval.environments.emulator.telemetry.promql.labels import valid_label
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

    def __init__(self, store: SeriesStore, now: Callable[[], float], dialect: Dialect) -> None:
        self._store = store
        self._now = now
        self._dialect = dialect
        self._engine = Engine(store, dialect=dialect)

    def query(self, params: Params) -> Json:
        """Evaluate at one instant."""
        return _result(self._engine.instant(params.text("query"), params.time("time", self._now())))

    def query_range(self, params: Params) -> Json:
        """Evaluate over a period."""
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
        answer = self._engine.instant("up", self._now())
        active = [self._target(dict(labels), points[0][1]) for labels, points in answer.series]
        return {"activeTargets": active, "droppedTargets": []}

    def _target(self, labels: dict[str, str], up: float) -> Json:
        del labels[NAME]
        return {
            "labels": labels,
            "discoveredLabels": {},
            "scrapePool": labels.get("job", ""),
            "scrapeUrl": f"http://{labels.get('instance', '')}/metrics",
            "health": "up" if up else "down",
            "lastError": "" if up else "connection refused",
            "lastScrape": datetime.fromtimestamp(self._now(), UTC).isoformat(),
            "lastScrapeDuration": 0.0,
        }

    def rules(self, params: Params) -> Json:
        """Return the rules: none."""
        return {"groups": []}

    def alerts(self, params: Params) -> Json:
        """Return the firing alerts: none."""
        return {"alerts": []}

    def _matching(self, params: Params) -> list[StoredSeries]:
        """Return the series that any of `match[]` selects, all without one, in [start, end]."""
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
